import { RatchetError } from '../../config/errors.js';
import { UNDEFINED_P } from './p-values.js';

export interface SignFlipResult {
  /** Mean of the differences. */
  statistic: number;
  twoSided: number;
  /** P(mean ≥ observed) under random signs. */
  greater: number;
  less: number;
}

const LARGEST = 24;
/** SciPy counts values within 100 machine epsilons (relative) of the observed one as equal. */
export const RELATIVE_TOLERANCE = 100 * Number.EPSILON;

/**
 * Exact sign-flip (paired permutation) test of a zero mean difference: all 2ⁿ sign patterns. The smallest two-sided p is
 * 2^(1−n): five pairs cannot go below 0.0625. Follows `scipy.stats.permutation_test(permutation_type='samples')`.
 * @throws RatchetError E_USAGE for no or more than 24 differences.
 */
export function signFlipTest(differences: readonly number[]): SignFlipResult {
  const n = differences.length;
  if (n === 0 || n > LARGEST) {
    throw new RatchetError('E_USAGE', `the exact sign-flip test takes 1 … ${LARGEST} pairs, not ${n}`, {
      hint: 'Average the seeds of one pair first.',
    });
  }
  const observed = differences.reduce((sum, value) => sum + value, 0);
  // SciPy finds no pattern that reaches NaN and reports p = 0; a diverged run must not pass for a significant one.
  if (Number.isNaN(observed)) return { statistic: NaN, ...UNDEFINED_P };
  const tolerance = Math.abs(observed) * RELATIVE_TOLERANCE;
  let greater = 0;
  let less = 0;
  const visit = (index: number, sum: number): void => {
    if (index === n) {
      if (sum >= observed - tolerance) greater++;
      if (sum <= observed + tolerance) less++;
      return;
    }
    visit(index + 1, sum + differences[index]!);
    visit(index + 1, sum - differences[index]!);
  };
  visit(0, 0);
  const patterns = 2 ** n;
  return {
    statistic: observed / n,
    twoSided: Math.min(1, (2 * Math.min(greater, less)) / patterns),
    greater: greater / patterns,
    less: less / patterns,
  };
}
