import { noncentralStudentSf, studentQuantile } from './distributions.js';
import { findRoot } from './find-root.js';
import { normalCdf, normalQuantile, normalSf } from './normal.js';

export interface PowerQuestion {
  /** Cohen's d, not 0. */
  effect: number;
  alpha: number;
  power: number;
}

/** Power of the two-sided two-sample t-test with n values a group. */
export function tTestPower(effect: number, perGroup: number, alpha: number): number {
  const df = 2 * perGroup - 2;
  const critical = -studentQuantile(alpha / 2, df);
  const noncentrality = effect * Math.sqrt(perGroup / 2);
  return noncentralStudentSf(critical, df, noncentrality) + noncentralStudentSf(critical, df, -noncentrality);
}

/** Power of the two-sided two-sample z-test with n values a group. */
export function zTestPower(effect: number, perGroup: number, alpha: number): number {
  const critical = -normalQuantile(alpha / 2);
  const noncentrality = effect * Math.sqrt(perGroup / 2);
  return normalSf(critical - noncentrality) + normalCdf(-critical - noncentrality);
}

/** Values a group that give the power asked for; not rounded up (statsmodels' TTestIndPower, NormalIndPower). */
export function sampleSizePerGroup({ effect, alpha, power }: PowerQuestion, test: 't' | 'z' = 't'): number {
  const powerOf = test === 't' ? tTestPower : zTestPower;
  let high = 4;
  while (powerOf(effect, high, alpha) < power) high *= 2;
  const low = test === 't' ? 1.01 : 1e-6;
  if (powerOf(effect, low, alpha) >= power) return low;
  return findRoot((n) => powerOf(effect, n, alpha) - power, low, high, 1e-10);
}
