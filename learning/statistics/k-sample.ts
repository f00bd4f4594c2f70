import { RatchetError } from '../../config/errors.js';
import { mean, median, sumOfSquares } from './descriptive.js';
import { chiSquareSf, fSf } from './distributions.js';
import { midRanks, tieTerm } from './ranks.js';

export interface KSampleTest {
  statistic: number;
  p: number;
}

/**
 * One-way analysis of variance: F of equal means (scipy.stats.f_oneway); infinite where every group is constant, NaN
 * where all of them are the same constant.
 */
export function anova(groups: readonly (readonly number[])[]): KSampleTest {
  // Said of the values: the mean of equal values may round, and then the variance is not 0.
  if (groups.every((group) => group.every((value) => value === group[0]))) {
    const same = groups.every((group) => group[0] === groups[0]![0]);
    return same ? { statistic: NaN, p: NaN } : { statistic: Infinity, p: 0 };
  }
  return varianceRatio(groups);
}

function varianceRatio(groups: readonly (readonly number[])[]): KSampleTest {
  const offset = mean(groups.flat());
  // A common offset would cost the means' differences their digits.
  const centred = groups.map((group) => group.map((value) => value - offset));
  const all = centred.flat();
  const centre = mean(all);
  const between = centred.reduce((sum, group) => sum + group.length * (mean(group) - centre) ** 2, 0);
  const within = centred.reduce((sum, group) => sum + sumOfSquares(group), 0);
  const [d1, d2] = [groups.length - 1, all.length - groups.length];
  const statistic = between / d1 / (within / d2);
  return { statistic, p: fSf(statistic, d1, d2) };
}

/** Levene's test of equal variances around the medians (Brown & Forsythe 1974; scipy.stats.levene). */
export function leveneTest(groups: readonly (readonly number[])[]): KSampleTest {
  return varianceRatio(
    groups.map((group) => {
      const centre = median(group);
      return group.map((value) => Math.abs(value - centre));
    }),
  );
}

/** Kruskal–Wallis H with tie correction (scipy.stats.kruskal). */
export function kruskalTest(groups: readonly (readonly number[])[]): KSampleTest {
  const all = groups.flat();
  const n = all.length;
  const { ranks, groupSizes } = midRanks(all);
  let start = 0;
  let sum = 0;
  for (const group of groups) {
    const total = ranks.slice(start, start + group.length).reduce((rankSum, rank) => rankSum + rank, 0);
    sum += total ** 2 / group.length;
    start += group.length;
  }
  const raw = (12 / (n * (n + 1))) * sum - 3 * (n + 1);
  const statistic = raw / (1 - tieTerm(groupSizes) / (n ** 3 - n));
  return { statistic, p: chiSquareSf(statistic, groups.length - 1) };
}

/**
 * Friedman's χ² of k treatments measured on the same n blocks (scipy.stats.friedmanchisquare).
 * @param treatments k lists of n values
 * @throws RatchetError E_USAGE when the lists differ in length
 */
export function friedmanTest(treatments: readonly (readonly number[])[]): KSampleTest {
  const k = treatments.length;
  const n = treatments[0]?.length ?? 0;
  if (treatments.some((values) => values.length !== n)) {
    throw new RatchetError('E_USAGE', 'the Friedman test needs one value of each treatment in every block', {
      hint: 'Drop the blocks with missing values.',
    });
  }
  const sums = new Float64Array(k);
  let ties = 0;
  for (let block = 0; block < n; block++) {
    const { ranks, groupSizes } = midRanks(treatments.map((values) => values[block]!));
    ranks.forEach((rank, treatment) => (sums[treatment]! += rank));
    ties += tieTerm(groupSizes);
  }
  const squares = sums.reduce((total, sum) => total + sum * sum, 0);
  const raw = (12 / (k * n * (k + 1))) * squares - 3 * n * (k + 1);
  const statistic = raw / (1 - ties / (k * (k * k - 1) * n));
  return { statistic, p: chiSquareSf(statistic, k - 1) };
}
