import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeedbackEvent } from '../../../../config/domain.js';
import { believed, judgeSources } from '../../../../learning/reward/judge-sources.js';
import { scoreRewards } from '../../../../learning/reward/score-rewards.js';
import { feedbackEvent } from '../events.js';

const similarity = (output: string, correction: string) => (output === correction ? 1 : 0);
const options = {
  asOf: '2026-11-20T12:00:00Z',
  config: { timeDecayRate: 0.95, difficultyWeight: 1.5, balanceThreshold: 100 },
  difficultyOf: () => 0,
};

/** What a source says of answer number `place`. */
const says = (source: string, place: number, type: FeedbackEvent['feedback_type']) =>
  feedbackEvent({ id: `${source}-${place}`, source, input_data: `request ${place}`, feedback_type: type });

/** Three users who find twelve answers good, and one who says the opposite each time. */
const poisoned = Array.from({ length: 12 }, (_, place) => [
  ...['ada', 'bob', 'cem'].map((user) => says(user, place, 'EXPLICIT_POSITIVE')),
  says('mallory', place, 'EXPLICIT_NEGATIVE'),
]).flat();

const rewardsOf = (events: FeedbackEvent[]) => {
  const { events: judged } = judgeSources(events, similarity);
  return new Map(scoreRewards(events, { ...options, judged }).map((row) => [row.eventId, row]));
};

describe('judgeSources', () => {
  it('R1: a source that stands against all others is not believed, and its events count as the validator scores them', () => {
    const { sources } = judgeSources(poisoned, similarity);
    expect(sources.map(({ source, suspect }) => [source, suspect])).toEqual([
      ['ada', false],
      ['bob', false],
      ['cem', false],
      ['mallory', true],
    ]);
    const rewards = rewardsOf(poisoned);
    const silent = scoreRewards([feedbackEvent({ id: 'x' })], options)[0]!;
    expect(rewards.get('mallory-0')).toMatchObject({ base: silent.base, trust: expect.closeTo(0, 1) });
    expect(rewards.get('mallory-0')!.distrusted).toMatch(/^the source mallory is not believed: .* on 12 answers$/);
    expect(rewards.get('ada-0')!.base).toBeGreaterThan(silent.base);
    expect(rewards.get('ada-0')!.distrusted).toBeUndefined();
    const kept = poisoned.filter(believed([...rewards.values()]));
    expect(new Set(kept.map((event) => event.source))).toEqual(new Set(['ada', 'bob', 'cem']));
  });

  it('R1: one opinion against all others is an outlier, whoever gives it', () => {
    const events = [
      ...Array.from({ length: 6 }, (_, place) =>
        ['ada', 'bob', 'cem'].map((user) => says(user, place, 'EXPLICIT_POSITIVE')),
      ).flat(),
      says('ada', 6, 'EXPLICIT_POSITIVE'),
      says('bob', 6, 'EXPLICIT_POSITIVE'),
      says('cem', 6, 'EXPLICIT_NEGATIVE'),
    ];
    const rewards = [...rewardsOf(events).values()];
    expect(rewards.filter((row) => row.distrusted !== undefined).map((row) => [row.eventId, row.distrusted])).toEqual([
      ['cem-6', 'the source cem says the opposite of the others here'],
    ]);
  });

  it('R1: users who contradict each other meet in the middle', () => {
    const rewards = rewardsOf([says('ada', 0, 'EXPLICIT_POSITIVE'), says('bob', 0, 'EXPLICIT_NEGATIVE')]);
    const [first, second] = [rewards.get('ada-0')!, rewards.get('bob-0')!];
    expect(first.base).toBeCloseTo(second.base, 12);
    expect(first.distrusted ?? second.distrusted).toBeUndefined();
  });

  it('R1: a source that nobody can be compared with counts as one without a name', () => {
    for (const type of ['EXPLICIT_POSITIVE', 'EXPLICIT_NEGATIVE', 'SUCCESS', 'THUMBS_UP'] as const) {
      const { source: _source, ...unnamed } = says('ada', 0, type);
      const plain = scoreRewards([unnamed], options)[0]!;
      expect(rewardsOf([says('ada', 0, type)]).get('ada-0')!.reward).toBeCloseTo(plain.reward, 12);
    }
  });

  it('R1: does not depend on the order of the events', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(poisoned, { minLength: poisoned.length }), (shuffled) => {
        const [known, other] = [judgeSources(poisoned, similarity), judgeSources(shuffled, similarity)];
        expect(other.sources).toEqual(known.sources);
        expect(new Map([...other.events].sort())).toEqual(new Map([...known.events].sort()));
      }),
      { numRuns: 20 },
    );
  });
});

describe('hints', () => {
  const hinted = (change: Partial<FeedbackEvent>, score = 75) =>
    scoreRewards([feedbackEvent({ validation_score: score, ...change })], options)[0]!.reward;
  const action = (implicit_action: FeedbackEvent['implicit_action']) => ({
    feedback_type: 'IMPLICIT' as const,
    ...(implicit_action && { implicit_action }),
  });

  it('R1: comparisons, thumbs and actions move the reward up and down in the order of what they say', () => {
    const plain = hinted({});
    const up = [
      hinted(action('kept')),
      hinted(action('used')),
      hinted({ feedback_type: 'PREFERENCE', rejected_output: 'other' }),
      hinted({ feedback_type: 'THUMBS_UP' }),
    ];
    const down = [hinted({ feedback_type: 'THUMBS_DOWN' }), hinted(action('regenerated')), hinted(action('abandoned'))];
    expect([...down, plain, ...up]).toEqual([...down, plain, ...up].toSorted((a, b) => a - b));
    expect(new Set([...down, plain, ...up]).size).toBe(8);
    // Evidence 0.8 times (1 − 0)/(1 + 0 + 1), over tanh(0.25).
    expect(up[3]).toBeCloseTo(Math.tanh(0.25) + 0.4, 12);
  });

  it('R1: with a hint, too, rewards rise with the score and stay within −1 … 1', () => {
    const types = fc.constantFrom(...(['THUMBS_UP', 'THUMBS_DOWN', 'PREFERENCE', 'SUCCESS'] as const));
    const score = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(types, score, score, (type, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((each) => hinted({ feedback_type: type }, each));
        expect(low).toBeLessThanOrEqual(high!);
        expect(low).toBeGreaterThanOrEqual(-1);
        expect(high).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('R1: an edit is a correction', () => {
    const edit = { corrected_output: 'another answer' };
    expect(hinted({ ...edit, feedback_type: 'EDIT' })).toBe(hinted({ ...edit, feedback_type: 'USER_CORRECTION' }));
  });
});
