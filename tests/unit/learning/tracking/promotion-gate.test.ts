import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import { judgePromotion } from '../../../../learning/tracking/promotion-gate.js';

/** Scores of champion and challenger on the same cases: a common difficulty and noise of their own. */
function scores(seed: number, gain: number, cases: number): [champion: number[], challenger: number[]] {
  const random = stream(seed, 'promotion-gate');
  const clip = (score: number) => Math.max(0, Math.min(100, score));
  const base = Array.from({ length: cases }, () => 60 + 15 * random.normal());
  const noisy = (shift: number) => base.map((score) => clip(score + shift + 10 * random.normal()));
  return [noisy(0), noisy(gain)];
}

describe('promotion gate', () => {
  it('promotes a better challenger, keeps the champion against a worse one', () => {
    expect(judgePromotion(...scores(1, 15, 120)).decision).toBe('promote');
    expect(judgePromotion(...scores(1, -15, 120)).decision).toBe('keep');
  });

  it('E4: promotes an equal challenger in at most 6 % of 300 comparisons, though it looks after each case', () => {
    const promoted = Array.from({ length: 300 }, (_, seed) => judgePromotion(...scores(seed, 0, 100))).filter(
      ({ decision }) => decision === 'promote',
    );
    expect(promoted.length / 300).toBeLessThanOrEqual(0.06);
  });

  it('goes on where it stopped, and ends at the largest number of pairs', () => {
    const [champion, challenger] = scores(2, 0, 30);
    const whole = judgePromotion(champion, challenger);
    const first = judgePromotion(champion.slice(0, 10), challenger.slice(0, 10));
    expect(first).toMatchObject({ decision: 'continue', n: 10 });
    expect(judgePromotion(champion.slice(10), challenger.slice(10), {}, first.state)).toEqual(whole);
    expect(judgePromotion(champion, challenger, { maximumPairs: 30 }).decision).toBe('keep');
  });

  it('a minimum gain keeps a champion that is beaten by less', () => {
    const [champion, challenger] = scores(3, 15, 200);
    expect(judgePromotion(champion, challenger, { minimumGain: 25 }).decision).toBe('keep');
  });

  it('refuses unpaired scores and scores out of range', () => {
    expect(() => judgePromotion([1, 2], [1])).toThrow(/2 scores of the champion, 1 of the challenger/);
    expect(() => judgePromotion([1], [101])).toThrow(/outside 0 … 100/);
  });
});
