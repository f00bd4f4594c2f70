import { mean, standardDeviation, sumOfSquares, variance } from './descriptive.js';
import { logGamma } from './gamma-functions.js';

/** Cohen's d: difference of the means over the pooled standard deviation; null when that is 0. */
export function cohensD(x: readonly number[], y: readonly number[]): number | null {
  const pooled = Math.sqrt((sumOfSquares(x) + sumOfSquares(y)) / (x.length + y.length - 2));
  return pooled > 0 ? (mean(x) - mean(y)) / pooled : null;
}

/**
 * Hedges' g: Cohen's d without its small-sample bias. `exact` is the gamma-function correction J(df) = Γ(df/2) /
 * (√(df/2) Γ((df−1)/2)), `approximate` 1 − 3/(4 df − 1) (Hedges 1981). Null when the pooled deviation is 0.
 */
export function hedgesG(
  x: readonly number[],
  y: readonly number[],
  correction: 'exact' | 'approximate' = 'exact',
): number | null {
  const d = cohensD(x, y);
  if (d === null) return null;
  const df = x.length + y.length - 2;
  const factor =
    correction === 'exact'
      ? Math.exp(logGamma(df / 2) - logGamma((df - 1) / 2)) / Math.sqrt(df / 2)
      : 1 - 3 / (4 * df - 1);
  return d * factor;
}

/** Cliff's δ: mean sign of x_i − y_j over all pairs, −1 … 1; NaN with a NaN in a sample. */
export function cliffsDelta(x: readonly number[], y: readonly number[]): number {
  if (x.some(Number.isNaN) || y.some(Number.isNaN)) return NaN;
  const sorted = [...y].sort((a, b) => a - b);
  let sum = 0;
  for (const value of x) {
    sum += countBelow(sorted, value, false) - (y.length - countBelow(sorted, value, true));
  }
  return sum / (x.length * y.length);
}

/** Cohen's d of pairs: mean difference over the standard deviation of the differences; null when that is 0. */
export function cohensDz(x: readonly number[], y: readonly number[]): number | null {
  const differences = x.map((value, index) => value - y[index]!);
  const deviation = standardDeviation(differences);
  return deviation > 0 ? mean(differences) / deviation : null;
}

/** Mean difference over the root of the mean of the two variances (Cumming 2012); null when that is 0. */
export function cohensDav(x: readonly number[], y: readonly number[]): number | null {
  const deviation = Math.sqrt((variance(x) + variance(y)) / 2);
  return deviation > 0 ? (mean(x) - mean(y)) / deviation : null;
}

/** How many sorted values are below `value`, or at most `value`. */
export function countBelow(sorted: readonly number[], value: number, orEqual: boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value || (orEqual && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}
