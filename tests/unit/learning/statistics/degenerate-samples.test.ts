import { describe, expect, it } from 'vitest';
import { kendall, pearson, spearman } from '../../../../learning/statistics/correlation.js';
import {
  excessKurtosis,
  median,
  quantile,
  skewness,
  trimmedMean,
} from '../../../../learning/statistics/descriptive.js';
import { cliffsDelta } from '../../../../learning/statistics/effect-size.js';
import { anova, friedmanTest, kruskalTest, leveneTest } from '../../../../learning/statistics/k-sample.js';
import { kolmogorovSmirnov } from '../../../../learning/statistics/kolmogorov-smirnov.js';
import { mannWhitneyTest } from '../../../../learning/statistics/mann-whitney.js';
import { adjustPValues } from '../../../../learning/statistics/multiple-testing.js';
import { permutationTest } from '../../../../learning/statistics/permutation-test.js';
import { midRanks } from '../../../../learning/statistics/ranks.js';
import { shapiroWilkTest } from '../../../../learning/statistics/shapiro-wilk.js';
import { signFlipTest } from '../../../../learning/statistics/sign-flip-test.js';
import { welchTest } from '../../../../learning/statistics/t-tests.js';
import { wilcoxonApproximate, wilcoxonExact, wilcoxonTest } from '../../../../learning/statistics/wilcoxon.js';

const times = (count: number, value: number) => Array.from({ length: count }, () => value);

// Expected numbers: NumPy 2.4.6, SciPy 1.17.1 and statsmodels 0.15.0 on the same samples.
describe('constant samples', () => {
  it('have no shape', () => {
    expect([skewness(times(20, 0.1)), excessKurtosis(times(20, 0.1))]).toEqual([NaN, NaN]);
  });

  it('have no correlation', () => {
    expect(pearson(times(3, 0.1), [1, 2, 3])).toEqual({ r: NaN, p: NaN, interval: null });
    expect(spearman([1, 2], [3, 3])).toEqual({ rho: NaN, p: NaN });
    expect(kendall([1, 1, 1], [2, 2, 2])).toMatchObject({ tauB: NaN, p: NaN, asymptoticP: NaN });
  });

  it('differ beyond doubt or not at all', () => {
    expect(anova([times(3, 0.1), times(3, 0.1), times(3, 0.2)])).toEqual({ statistic: Infinity, p: 0 });
    expect(anova([times(3, 0.1), times(3, 0.1)])).toEqual({ statistic: NaN, p: NaN });
    const { t, df, p, interval } = welchTest(times(4, 2), times(5, 3));
    expect([t, df, p.twoSided, interval]).toEqual([-Infinity, 1, 0, [-1, -1]]);
  });

  it('count as normal, as do differences below 1e-19', () => {
    expect(shapiroWilkTest([0, 1e-20, 3e-20, 2e-20])).toEqual({ w: 1, p: 1 });
  });
});

describe('scale and offset', () => {
  it('leave a correlation alone', () => {
    const { r, p } = pearson([1e200, 2e200, 3e200, 5e200], [1e-200, 3e-200, 2e-200, 5e-200]);
    expect(r).toBeCloseTo(0.8857142857142857, 14);
    expect(p).toBeCloseTo(0.11428571428571432, 14);
    expect(spearman([1, 2, 3], [2, 3, 4])).toEqual({ rho: 1, p: 0 });
  });

  it('leave the analysis of variance alone', () => {
    const { statistic } = anova([
      [1e8 + 0.1, 1e8 + 0.4, 1e8 + 0.2],
      [1e8 + 0.5, 1e8 + 0.7, 1e8 + 0.3],
    ]);
    expect(statistic).toBeCloseTo(3.3684208743129798, 12);
  });

  it('of two equal values in three: W is least and its p what rounding leaves', () => {
    expect(shapiroWilkTest([1, 1, 2])).toEqual({ w: 0.7500000000000002, p: 7.771561172376096e-16 });
  });
});

describe('a value that is not a number', () => {
  const x = [1, NaN, 3, 2, 5.5];
  const y = [2, 4, 1.5, 7, 6];
  const differences = x.map((value, index) => value - y[index]!);
  const none = { twoSided: NaN, less: NaN, greater: NaN };

  it('leaves no rank, quantile or trimmed mean', () => {
    expect(midRanks(x).ranks).toEqual(times(5, NaN));
    expect([median(x), quantile(x, 0.2), trimmedMean([...x, ...y], 0.1)]).toEqual(times(3, NaN));
  });

  it('leaves no test a result', () => {
    expect(mannWhitneyTest(x, y)).toMatchObject({ u: NaN, p: none });
    expect(mannWhitneyTest([...x, ...y, 9], [...y, 8, 7.5, 10, 11]).p).toEqual(none);
    expect(wilcoxonTest(differences)).toMatchObject({ statistic: NaN, p: none });
    expect(wilcoxonExact([-1, NaN]).p).toEqual(none);
    expect(wilcoxonApproximate(differences, 'zsplit').p).toEqual(none);
    expect(kolmogorovSmirnov(x, y)).toEqual({ distance: NaN, location: NaN, sign: NaN });
    for (const test of [anova, leveneTest, kruskalTest, friedmanTest]) {
      expect(test([x, y, y])).toEqual({ statistic: NaN, p: NaN });
    }
    expect(welchTest(x, y)).toMatchObject({ t: NaN, df: NaN, p: none });
    expect(spearman(x, y)).toEqual({ rho: NaN, p: NaN });
    expect(kendall(x, y)).toMatchObject({ tauB: NaN, p: NaN });
    expect(cliffsDelta(x, y)).toBeNaN();
  });

  // SciPy itself reports p = 0 here.
  it('leaves a permutation test no finding', () => {
    expect(signFlipTest(differences)).toMatchObject({ statistic: NaN, ...none });
    expect(permutationTest(x, y)).toMatchObject({ statistic: NaN, p: none });
  });

  it('among p-values counts as the largest', () => {
    const adjusted = adjustPValues([0.01, NaN, 0.03, 0.2], 'holm');
    expect(adjusted[1]).toBeNaN();
    [0.04, 0.09, 0.4].forEach((value, place) => expect(adjusted[[0, 2, 3][place]!]).toBeCloseTo(value, 14));
    expect(adjustPValues([0.01, NaN, 0.03, 0.2], 'fdr_bh')).toEqual(times(4, NaN));
    expect(adjustPValues([0.01, NaN, 0.03, 0.2], 'hommel')).toEqual(times(4, NaN));
  });
});
