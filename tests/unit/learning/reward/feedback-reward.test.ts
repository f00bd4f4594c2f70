import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IMPLICIT_ACTIONS } from '../../../../config/domain.js';
import { combinedReward, signalReward, type FeedbackSignal } from '../../../../learning/reward/feedback-reward.js';

const count = fc.nat(1000);
const similarity = fc.double({ min: 0, max: 1, noNaN: true });
const signal: fc.Arbitrary<FeedbackSignal> = fc.oneof(
  fc.record({ kind: fc.constant('preference' as const), wins: count, losses: count }),
  fc.record({ kind: fc.constant('thumbs' as const), up: count, down: count }),
  fc.record({ kind: fc.constant('edit' as const), similarity }),
  fc.record({ kind: fc.constant('implicit' as const), action: fc.constantFrom(...IMPLICIT_ACTIONS) }),
);

describe('signalReward', () => {
  it.each<[FeedbackSignal, number]>([
    [{ kind: 'preference', wins: 0, losses: 0 }, 0],
    [{ kind: 'preference', wins: 1, losses: 0 }, 1 / 3],
    [{ kind: 'preference', wins: 8, losses: 0 }, 0.8],
    [{ kind: 'preference', wins: 1, losses: 5 }, -0.5],
    [{ kind: 'thumbs', up: 1, down: 0 }, 0.5],
    [{ kind: 'thumbs', up: 0, down: 3 }, -0.75],
    [{ kind: 'edit', similarity: 1 }, 1],
    [{ kind: 'edit', similarity: 0.25 }, -0.5],
    [{ kind: 'implicit', action: 'used' }, 0.3],
    [{ kind: 'implicit', action: 'regenerated' }, -0.3],
  ])('R1: %j gives %d', (given, reward) => expect(signalReward(given)).toBeCloseTo(reward, 15));

  it('R1: is bounded, and the other way round for the opposite', () => {
    fc.assert(
      fc.property(signal, count, count, (given, good, bad) => {
        expect(Math.abs(signalReward(given))).toBeLessThanOrEqual(1);
        const turned = signalReward({ kind: 'thumbs', up: bad, down: good });
        expect(turned + signalReward({ kind: 'thumbs', up: good, down: bad })).toBe(0);
      }),
      { seed: 1 },
    );
  });

  it('R1: never falls with a win, a thumb up or similarity', () => {
    fc.assert(
      fc.property(count, count, similarity, similarity, (good, bad, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        const rises = (before: FeedbackSignal, after: FeedbackSignal) =>
          expect(signalReward(after)).toBeGreaterThanOrEqual(signalReward(before));
        rises({ kind: 'preference', wins: good, losses: bad }, { kind: 'preference', wins: good + 1, losses: bad });
        rises({ kind: 'preference', wins: good, losses: bad + 1 }, { kind: 'preference', wins: good, losses: bad });
        rises({ kind: 'thumbs', up: good, down: bad }, { kind: 'thumbs', up: good + 1, down: bad });
        rises({ kind: 'edit', similarity: less }, { kind: 'edit', similarity: more });
      }),
      { seed: 1 },
    );
  });

  it.each<[FeedbackSignal, string]>([
    [{ kind: 'thumbs', up: -1, down: 0 }, 'a count of thumbs is -1'],
    [{ kind: 'preference', wins: 0, losses: 0.5 }, 'a count of preference is 0.5'],
    [{ kind: 'edit', similarity: NaN }, 'the similarity of an edit is NaN, outside 0 … 1'],
  ])('R1: refuses %j', (given, message) => expect(() => signalReward(given)).toThrow(message));
});

describe('combinedReward', () => {
  it('R1: is the mean weighted by evidence and trust', () => {
    const edit: FeedbackSignal = { kind: 'edit', similarity: 0 };
    const used: FeedbackSignal = { kind: 'implicit', action: 'used' };
    const signals = [
      { signal: edit, trust: 0.5 },
      { signal: used, trust: 1 },
    ];
    expect(combinedReward(signals)).toBeCloseTo((0.5 * -1 + 0.2 * 0.3) / 0.7, 15);
  });

  it('R1: nobody trusted, nothing said', () => {
    expect(combinedReward([])).toBeNull();
    expect(combinedReward([{ signal: { kind: 'thumbs', up: 9, down: 0 }, trust: 0 }])).toBeNull();
    expect(() => combinedReward([{ signal: { kind: 'thumbs', up: 9, down: 0 }, trust: 1.1 }])).toThrow('trust');
  });

  it('R1: lies between the smallest and the largest of its signals', () => {
    const trusted = fc.record({ signal, trust: fc.double({ min: 0.01, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(trusted, { minLength: 1 }), (signals) => {
        const rewards = signals.map((item) => signalReward(item.signal));
        const combined = combinedReward(signals)!;
        expect(combined).toBeGreaterThanOrEqual(Math.min(...rewards) - 1e-12);
        expect(combined).toBeLessThanOrEqual(Math.max(...rewards) + 1e-12);
      }),
      { seed: 1 },
    );
  });
});
