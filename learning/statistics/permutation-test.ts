import { RatchetError } from '../../config/errors.js';
import { mean } from './descriptive.js';
import { logChoose } from './gamma-functions.js';
import { doubledPValues, UNDEFINED_P, type PValues } from './p-values.js';
import { RELATIVE_TOLERANCE } from './sign-flip-test.js';

export interface PermutationTest {
  /** mean(x) − mean(y). */
  statistic: number;
  /** Number of splits. */
  splits: number;
  p: PValues;
}

const LARGEST = 5_000_000;

/**
 * Exact permutation test of the difference of two means over all splits of the pooled values (`scipy.stats.
 * permutation_test(permutation_type='independent')`).
 * @throws RatchetError E_USAGE when there are more than five million splits
 */
export function permutationTest(x: readonly number[], y: readonly number[]): PermutationTest {
  const values = [...x, ...y];
  const splits = Math.round(Math.exp(logChoose(values.length, x.length)));
  if (splits > LARGEST) {
    throw new RatchetError('E_USAGE', `${splits} splits are too many for an exact permutation test`, {
      hint: 'Use mannWhitneyTest or welchTest for samples of this size.',
    });
  }
  const statistic = mean(x) - mean(y);
  // As in signFlipTest: no split reaches NaN, and p = 0 would be a finding.
  if (Number.isNaN(statistic)) return { statistic, splits, p: UNDEFINED_P };
  const tolerance = Math.abs(statistic) * RELATIVE_TOLERANCE;
  let less = 0;
  let greater = 0;
  const visit = (index: number, inX: number, sumX: number, sumY: number): void => {
    if (index === values.length) {
      const difference = sumX / x.length - sumY / y.length;
      if (difference <= statistic + tolerance) less++;
      if (difference >= statistic - tolerance) greater++;
      return;
    }
    if (inX < x.length) visit(index + 1, inX + 1, sumX + values[index]!, sumY);
    if (index - inX < y.length) visit(index + 1, inX, sumX, sumY + values[index]!);
  };
  visit(0, 0, 0, 0);
  return { statistic, splits, p: doubledPValues(less / splits, greater / splits) };
}
