import { RatchetError } from '../../config/errors.js';
import { median, sumOfSquares } from './descriptive.js';
import { normalQuantile, normalSf } from './normal.js';

/** Σ coefficients[i] · x^i. */
function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/**
 * Shapiro–Wilk test of normality: Royston's approximation (Applied Statistics 44, 1995, algorithm AS R94; the one in R
 * and SciPy).
 * @throws RatchetError E_USAGE for fewer than 3 values
 */
export function shapiroWilkTest(values: readonly number[]): { w: number; p: number } {
  const n = values.length;
  if (n < 3)
    throw new RatchetError('E_USAGE', 'the Shapiro–Wilk test needs at least 3 values', { hint: 'Collect more.' });
  // Shifting by the median keeps digits when all values share a large offset.
  const centre = median(values);
  const sorted = values.map((value) => value - centre).sort((a, b) => a - b);
  const spread = sumOfSquares(sorted);
  if (spread === 0) return { w: 1, p: 1 };
  const sum = weights(n).reduce((total, weight, i) => total + weight * (sorted[n - 1 - i]! - sorted[i]!), 0);
  const w = Math.min(1, (sum * sum) / spread);
  return { w, p: pValue(w, n) };
}

/** Weights of the differences x(n) − x(1), x(n−1) − x(2), …; ⌊n/2⌋ of them. */
function weights(n: number): number[] {
  if (n === 3) return [Math.SQRT1_2];
  const scores = Array.from({ length: Math.floor(n / 2) }, (_, i) => normalQuantile((i + 1 - 0.375) / (n + 0.25)));
  const squares = 2 * scores.reduce((sum, score) => sum + score * score, 0);
  const root = 1 / Math.sqrt(n);
  const first =
    polynomial([0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056], root) - scores[0]! / Math.sqrt(squares);
  const second =
    polynomial([0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633], root) - scores[1]! / Math.sqrt(squares);
  const fixed = n > 5 ? [first, second] : [first];
  const left = squares - 2 * fixed.reduce((sum, _, i) => sum + scores[i]! ** 2, 0);
  const scale = Math.sqrt(left / (1 - 2 * fixed.reduce((sum, weight) => sum + weight * weight, 0)));
  return scores.map((score, i) => fixed[i] ?? -score / scale);
}

function pValue(w: number, n: number): number {
  if (n === 3) return Math.max(0, (6 / Math.PI) * (Math.asin(Math.sqrt(w)) - Math.asin(Math.sqrt(0.75))));
  const y = Math.log1p(-w);
  const x = Math.log(n);
  if (n <= 11) {
    const gamma = polynomial([-2.273, 0.459], n);
    if (y >= gamma) return 1e-99;
    const centre = polynomial([0.544, -0.39978, 0.025054, -6.714e-4], n);
    const deviation = Math.exp(polynomial([1.3822, -0.77857, 0.062767, -0.0020322], n));
    return normalSf((-Math.log(gamma - y) - centre) / deviation);
  }
  const centre = polynomial([-1.5861, -0.31082, -0.083751, 0.0038915], x);
  const deviation = Math.exp(polynomial([-0.4803, -0.082676, 0.0030302], x));
  return normalSf((y - centre) / deviation);
}
