import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import { mcNemarTest, signTest } from '../../../../learning/statistics/binomial-tests.js';
import { bcaInterval, bootstrap } from '../../../../learning/statistics/bootstrap-intervals.js';
import { mean } from '../../../../learning/statistics/descriptive.js';
import { cliffsDelta, cohensD, cohensDz, hedgesG } from '../../../../learning/statistics/effect-size.js';
import { groupSequentialBounds } from '../../../../learning/statistics/group-sequential.js';
import { friedmanTest } from '../../../../learning/statistics/k-sample.js';
import { mannWhitneyTest } from '../../../../learning/statistics/mann-whitney.js';
import { adjustPValues, type Correction } from '../../../../learning/statistics/multiple-testing.js';
import { permutationTest } from '../../../../learning/statistics/permutation-test.js';
import { sampleSizePerGroup, tTestPower } from '../../../../learning/statistics/power.js';
import { proportionInterval } from '../../../../learning/statistics/proportion-interval.js';
import { shapiroWilkTest } from '../../../../learning/statistics/shapiro-wilk.js';
import { oneSampleTTest, pairedTTest, studentTest, welchTest } from '../../../../learning/statistics/t-tests.js';
import { wilcoxonTest } from '../../../../learning/statistics/wilcoxon.js';

/** So many that chance alone moves the rate by 0.25 percentage points (one standard deviation). */
const SIMULATIONS = 8000;

/** Share of simulated studies without an effect in which the test says p < 0.05. */
function falseAlarms(test: (x: number[], y: number[]) => number): number {
  const random = stream(3, 'tests', 'null');
  const draw = (n: number) => Array.from({ length: n }, () => random.normal());
  let alarms = 0;
  for (let study = 0; study < SIMULATIONS; study++) if (test(draw(12), draw(12)) < 0.05) alarms++;
  return alarms / SIMULATIONS;
}

describe('E4: a true null hypothesis is rejected in 5 % ± 1 %', () => {
  it.each<[string, (x: number[], y: number[]) => number]>([
    ['Welch', (x, y) => welchTest(x, y).p.twoSided],
    ['Student', (x, y) => studentTest(x, y).p.twoSided],
    ['paired t', (x, y) => pairedTTest(x, y).p.twoSided],
    ['Mann–Whitney', (x, y) => mannWhitneyTest(x, y, { method: 'asymptotic', continuity: false }).p.twoSided],
    ['Wilcoxon', (x, y) => wilcoxonTest(x.map((value, index) => value - y[index]!)).p.twoSided],
  ])('E4: %s', (_, test) => {
    const rate = falseAlarms(test);
    expect(rate).toBeGreaterThan(0.04);
    expect(rate).toBeLessThan(0.06);
  });

  it('E4: the t interval misses the true mean in 5 % ± 1 %', () => {
    const missed = falseAlarms((x) => {
      const [low, high] = oneSampleTTest(x).interval;
      return low <= 0 && high >= 0 ? 1 : 0;
    });
    expect(Math.abs(missed - 0.05)).toBeLessThan(0.01);
  });

  it('E4: five looks at group-sequential bounds', () => {
    const { z } = groupSequentialBounds('obrien-fleming-spending-total', 0.05, [0.2, 0.4, 0.6, 0.8, 1]);
    const random = stream(4, 'tests', 'looks');
    let alarms = 0;
    for (let study = 0; study < 4000; study++) {
      let walk = 0;
      if (z.some((bound, look) => Math.abs((walk += random.normal()) / Math.sqrt(look + 1)) >= bound)) alarms++;
    }
    expect(Math.abs(alarms / 4000 - 0.05)).toBeLessThan(0.01);
  });

  it.each([
    [60, 0.05],
    [100, 0.005],
    [300, 0.05],
  ])('E4: %i looks spend the error %d and no more, the first ones next to nothing', (looks, alpha) => {
    const information = Array.from({ length: looks }, (_, look) => (look + 1) / looks);
    const { z, nominalP, cumulativeAlpha } = groupSequentialBounds('obrien-fleming-spending', alpha, information);
    expect(cumulativeAlpha.at(-1)).toBeCloseTo(alpha, 9);
    expect(z.every((bound, look) => look === 0 || bound === Infinity || bound < z[look - 1]!)).toBe(true);
    expect(z[0]).toBeGreaterThan(12);
    expect(nominalP[0]).toBeLessThan(1e-30);
    // Many looks are nearly the continuous boundary, whose bound at the end is above that of five looks.
    expect(z.at(-1)).toBeGreaterThan(
      groupSequentialBounds('obrien-fleming-spending', alpha, [0.2, 0.4, 0.6, 0.8, 1]).z[4]!,
    );
    expect(z.at(-1)).toBeLessThan(alpha === 0.05 ? 2.3 : 3.05);
  });
});

describe('effect sizes', () => {
  it('E4: Cohen’s d is the shift in standard deviations, and Hedges’ g is smaller', () => {
    const x = [2, 4, 6];
    const y = [1, 3, 5];
    expect(cohensD(x, y)).toBe(0.5);
    expect(hedgesG(x, y, 'approximate')).toBeCloseTo(0.5 * (1 - 3 / 15), 15);
    expect(Math.abs(hedgesG(x, y)!)).toBeLessThan(0.5);
  });

  it('are null where nothing varies', () => {
    expect([cohensD([1, 1], [2, 2]), hedgesG([1, 1], [2, 2]), cohensDz([2, 3], [1, 2])]).toEqual([null, null, null]);
  });

  it('Cliff’s delta is 1 when every x is larger, and odd in its arguments', () => {
    expect(cliffsDelta([3, 4], [1, 2])).toBe(1);
    const values = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(values, values, (x, y) => {
        expect(cliffsDelta(x, y)).toBeCloseTo(-cliffsDelta(y, x), 12);
      }),
    );
  });
});

describe('what cannot be answered', () => {
  it('is refused with a hint', () => {
    expect(() => mannWhitneyTest([1, 2], [2, 3], { method: 'exact' })).toThrow(/without equal values/);
    const many = Array.from({ length: 20 }, (_, index) => index);
    expect(() => permutationTest(many, many)).toThrow(/too many/);
    expect(() => wilcoxonTest([0, 0])).toThrow(/not zero/);
    expect(() => shapiroWilkTest([1, 2])).toThrow(/at least 3/);
    expect(() => friedmanTest([[1, 2], [1]])).toThrow(/every block/);
    expect(() => groupSequentialBounds('pocock-spending', 0.05, [0.5, 0.5])).toThrow(/look 2 has the information 0.5/);
  });

  it('or defined: no discordant pairs, a constant sample, resamples on one side', () => {
    expect(mcNemarTest(0, 0)).toEqual({ exact: { statistic: 0, p: 1 }, midP: 1, chiSquare: null, corrected: null });
    expect(signTest([0, 0])).toEqual({ positive: 0, count: 0, p: 1 });
    expect(shapiroWilkTest([2, 2, 2])).toEqual({ w: 1, p: 1 });
    const summary = bootstrap([1, 2, 3], mean, [[2, 2, 2]]);
    expect(bcaInterval([1, 2, 3], mean, summary, 0.9)).toBeNull();
    // scipy.stats.bootstrap gives NaN here: the cubes of the jackknife's deviations are 0, and so is what they go by.
    const tiny = [1e-140, 2e-140, 4e-140];
    const resamples = [
      [0, 0, 1],
      [1, 2, 2],
      [0, 0, 2],
    ];
    expect(bcaInterval(tiny, mean, bootstrap(tiny, mean, resamples), 0.9)).toBeNull();
  });
});

describe('corrections and intervals', () => {
  it('a correction never lowers a p-value, and keeps their order', () => {
    const p = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });
    const methods: Correction[] = ['bonferroni', 'holm', 'holm-sidak', 'simes-hochberg', 'hommel', 'fdr_bh', 'fdr_by'];
    fc.assert(
      fc.property(p, fc.constantFrom(...methods), (values, method) => {
        const adjusted = adjustPValues(values, method);
        values.forEach((value, i) => {
          expect(adjusted[i]!).toBeGreaterThanOrEqual(value * (1 - 1e-12));
          expect(adjusted[i]!).toBeLessThanOrEqual(1);
          const larger = values.flatMap((other, j) => (other > value ? [adjusted[j]!] : []));
          expect(Math.min(1, ...larger)).toBeGreaterThanOrEqual(adjusted[i]! - 1e-12);
        });
      }),
    );
  });

  it('an interval of a share lies within 0 … 1 around it', () => {
    for (const method of ['wilson', 'clopper-pearson', 'agresti-coull', 'wald', 'jeffreys'] as const) {
      for (const successes of [0, 1, 7, 20]) {
        const [low, high] = proportionInterval(successes, 20, method);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        // Jeffreys' interval is the only one that may leave out 0 and 1.
        const share = method === 'jeffreys' ? (successes + 0.5) / 21 : successes / 20;
        expect(low <= share && high >= share).toBe(true);
      }
    }
  });

  it('the sample size asked for has the power asked for', () => {
    const n = sampleSizePerGroup({ effect: 0.6, alpha: 0.05, power: 0.85 });
    expect(tTestPower(0.6, n, 0.05)).toBeCloseTo(0.85, 8);
  });
});
