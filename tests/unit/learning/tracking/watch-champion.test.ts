import { describe, expect, it } from 'vitest';
import type { ArtifactType } from '../../../../config/domain.js';
import { stream } from '../../../../config/random.js';
import { startWatch, watchChampion } from '../../../../learning/tracking/watch-champion.js';

const events = (type: ArtifactType, scores: number[]) =>
  scores.map((score) => ({ artifact_type: type, validation_score: score }));
const noisy = (seed: number, count: number, mean: number) => {
  const draws = stream(seed, 'test', 'watch-champion', mean, count);
  return events(
    'erd',
    Array.from({ length: count }, () => Math.min(100, Math.max(0, mean + 40 * (draws.float() - 0.5)))),
  );
};

describe('watchChampion', () => {
  it('pairs within artifact types in order of arrival, each former event once', () => {
    const former = [...events('erd', [50, 60]), ...events('architecture', [10])];
    const first = watchChampion(
      startWatch(),
      former,
      [...events('architecture', [30, 99]), ...events('erd', [50])],
      0.05,
    );
    expect(first).toMatchObject({ verdict: 'open', pairs: 2, meanDifference: 10 });
    expect(first.watch.paired).toEqual({ architecture: 1, erd: 1 });
    const second = watchChampion(first.watch, former, events('erd', [75, 99]), 0.05);
    expect(second).toMatchObject({ verdict: 'holds', pairs: 3, meanDifference: 15 });
  });

  it('takes as long for many former events as there are of them', () => {
    const former = events('erd', Array<number>(300_000).fill(50));
    expect(watchChampion(startWatch(), former, former.slice(0, 10), 0.05)).toMatchObject({
      verdict: 'open',
      pairs: 10,
    });
  });

  it('finds a fall of 30 points, and looking in parts finds the same', () => {
    const [former, later] = [noisy(1, 200, 80), noisy(1, 60, 50)];
    const whole = watchChampion(startWatch(), former, later, 0.05);
    expect(whole.verdict).toBe('worse');
    const half = watchChampion(startWatch(), former, later.slice(0, 30), 0.05);
    expect(watchChampion(half.watch, former, later.slice(30), 0.05).watch).toEqual(whole.watch);
  });

  it('brings a champion that is as good as its predecessor down in at most α of the cases', () => {
    const verdicts = Array.from({ length: 200 }, (_, seed) => {
      let watch = startWatch();
      const former = noisy(seed, 100, 70);
      const later = noisy(seed + 1000, 100, 70);
      for (let from = 0; from < 100; from += 10) {
        const seen = watchChampion(watch, former, later.slice(from, from + 10), 0.05);
        if (seen.verdict === 'worse') return 'worse';
        watch = seen.watch;
      }
      return 'held';
    });
    expect(verdicts.filter((verdict) => verdict === 'worse').length).toBeLessThanOrEqual(10);
  });
});
