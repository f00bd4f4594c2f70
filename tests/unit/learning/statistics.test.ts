import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mean, median, quantile, slope, theilSenSlope } from '../../../learning/statistics/descriptive.js';
import { bootstrapOnIndices, pairedBootstrap } from '../../../learning/statistics/paired-bootstrap.js';
import { signFlipTest } from '../../../learning/statistics/sign-flip-test.js';

interface Reference {
  paired: {
    name: string;
    x: number[];
    y: number[];
    p: { statistic: number; p: { 'two-sided': number; less: number; greater: number } };
  }[];
  bootstrap: {
    name: string;
    x: number[];
    indices: number[][];
    mean: number;
    intervals: Record<string, [number, number]>;
  }[];
}
const golden = JSON.parse(readFileSync(new URL('fixtures/statistics.json', import.meta.url), 'utf8')) as Reference;

describe('descriptive statistics', () => {
  it('R4: mean, median, quantile and slope', () => {
    expect([mean([1, 2, 6]), median([5, 1, 3]), median([4, 1, 3, 2])]).toEqual([3, 3, 2.5]);
    expect([quantile([1, 2, 3, 4], 0.25), quantile([7], 0.9)]).toEqual([1.75, 7]);
    expect([slope([1, 3, 5, 7]), slope([4]), slope([2, 2])]).toEqual([2, 0, 0]);
    expect([mean([]), median([])]).toEqual([NaN, NaN]);
  });

  it('R4: the slope of Theil and Sen is that of most points, whatever a few others say', () => {
    expect(theilSenSlope([0, 1, 2, 3, 4], [1, 3, 500, 7, 9])).toBe(2);
    // Pairs: (0,0)-(1,1) 1, (0,0)-(3,2) 2/3, (1,1)-(3,2) 1/2.
    expect(theilSenSlope([0, 1, 3], [0, 1, 2])).toBeCloseTo(2 / 3, 15);
    expect([theilSenSlope([1, 1], [2, 5]), theilSenSlope([], [])]).toEqual([NaN, NaN]);
  });
});

describe('signFlipTest', () => {
  it.each(golden.paired.map((set) => [set.name, set] as const))('R4: agrees with SciPy on %s', (_, set) => {
    const result = signFlipTest(set.x.map((value, index) => value - set.y[index]!));
    expect(result.statistic).toBeCloseTo(set.p.statistic, 12);
    expect(result.twoSided).toBeCloseTo(set.p.p['two-sided'], 12);
    expect(result.greater).toBeCloseTo(set.p.p.greater, 12);
    expect(result.less).toBeCloseTo(set.p.p.less, 12);
  });

  it('R4: sums that differ by rounding alone count as equal', () => {
    // 1.1 + 2.2 − 3.3 is 4e-16 here and its opposite −4e-16: both are 0, and eight of sixteen patterns reach 0.7.
    expect(signFlipTest([1.1, 2.2, -3.3, 0.7])).toMatchObject({ greater: 8 / 16, less: 10 / 16, twoSided: 1 });
    expect(signFlipTest([-1.1, -2.2, 3.3, 0.7])).toMatchObject({ greater: 8 / 16, less: 10 / 16, twoSided: 1 });
  });

  it('R4: five pairs cannot go below 0.0625', () => {
    expect(signFlipTest([1, 2, 3, 4, 5]).twoSided).toBe(0.0625);
    expect(() => signFlipTest([])).toThrow('takes 1 … 24 pairs, not 0');
    expect(() => signFlipTest(Array<number>(25).fill(1))).toThrow('not 25');
  });
});

describe('pairedBootstrap', () => {
  it.each(golden.bootstrap.map((set) => [set.name, set] as const))('R4: agrees with SciPy on %s', (_, set) => {
    for (const [key, [low, high]] of Object.entries(set.intervals)) {
      const interval = bootstrapOnIndices(set.x, set.indices, Number(key.split('_')[1]));
      expect(interval.mean).toBeCloseTo(set.mean, 12);
      expect(interval.low).toBeCloseTo(low, 9);
      expect(interval.high).toBeCloseTo(high, 9);
    }
  });

  it('R4: the interval depends on the seed and covers the mean', () => {
    const differences = [1, 4, 2, 5, 3, 6, 2, 4];
    const interval = pairedBootstrap(differences, { seed: 1 });
    expect(interval).toEqual(pairedBootstrap(differences, { seed: 1 }));
    expect(interval.low).toBeGreaterThan(1.5);
    expect(interval.low).toBeLessThan(interval.mean);
    expect(interval.high).toBeLessThan(6);
    expect(pairedBootstrap(differences, { seed: 2, resamples: 50 })).not.toEqual(
      pairedBootstrap(differences, { seed: 1, resamples: 50 }),
    );
  });
});
