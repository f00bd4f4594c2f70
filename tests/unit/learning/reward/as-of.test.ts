import { describe, expect, it } from 'vitest';
import { ageReference } from '../../../../learning/reward/as-of.js';
import { scoreRewards } from '../../../../learning/reward/score-rewards.js';
import { LoopConfig } from '../../../../config/loop.js';
import { feedbackEvent } from '../events.js';

const day = (number: number) => ({ ts: new Date(Date.UTC(2026, 0, 1) + number * 86_400_000).toISOString() });
const sixty = Array.from({ length: 60 }, (_, number) => day(number));

describe('R1: the moment that ages are measured at', () => {
  it("is the newest event's, in whatever order they come", () => {
    expect(ageReference(sixty)).toBe(day(59).ts);
    expect(ageReference([...sixty].reverse())).toBe(day(59).ts);
    expect(ageReference([day(3)])).toBe(day(3).ts);
    expect(ageReference([day(1), day(400)])).toBe(day(400).ts);
  });

  it('is not moved by a few clocks that are far ahead', () => {
    expect(ageReference([...sixty, { ts: '2999-01-01T00:00:00.000Z' }])).toBe(day(59).ts);
    expect(ageReference([...sixty, day(80), { ts: '2999-01-01T00:00:00.000Z' }])).toBe(day(59).ts);
    // More than one in twenty is no mistake, and a pause of a week is none either.
    expect(ageReference([...sixty, day(100), day(100), day(101), day(101)])).toBe(day(101).ts);
    expect(ageReference([...sixty, day(66)])).toBe(day(66).ts);
  });

  it('keeps the worth of what others say', () => {
    const events = [...sixty, { ts: '2999-01-01T00:00:00.000Z' }].map(({ ts }, place) =>
      feedbackEvent({ id: `e${place}`, ts, validation_score: 90 }),
    );
    const { reward: config } = LoopConfig.parse({});
    const rewards = scoreRewards(events, { asOf: ageReference(events), config, difficultyOf: () => 0.5 });
    expect(rewards[59]!.reward).toBe(rewards[60]!.reward);
    expect(rewards[59]!.reward).toBeGreaterThan(0.1);
    expect(rewards[0]!.reward / rewards[59]!.reward).toBeCloseTo(0.95 ** 59, 6);
  });
});
