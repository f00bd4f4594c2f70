import { RatchetError } from '../../config/errors.js';
import { mean, median } from './descriptive.js';
import { normalQuantile, normalSf } from './normal.js';

const LEAST_RANGE = 1e-19;

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
  const range = sorted[n - 1]! - sorted[0]!;
  // Differences this small count as none in the reference, which calls such a sample normal.
  if (range < LEAST_RANGE) return { w: 1, p: 1 };
  const lack = lackOfFit(
    sorted.map((value) => value / range),
    weights(n),
  );
  return { w: 1 - lack, p: pValue(lack, n) };
}

/** 1 − W, the share of the variance that the weights do not explain; the difference of squares keeps its digits near 0. */
function lackOfFit(sorted: readonly number[], ofDifferences: readonly number[]): number {
  const n = sorted.length;
  const weightOf = (i: number) => (2 * i < n - 1 ? -(ofDifferences[i] ?? 0) : (ofDifferences[n - 1 - i] ?? 0));
  const centre = mean(sorted);
  let [ofWeights, ofValues, products] = [0, 0, 0];
  sorted.forEach((value, i) => {
    const [weight, deviation] = [weightOf(i), value - centre];
    ofWeights += weight * weight;
    ofValues += deviation * deviation;
    products += weight * deviation;
  });
  const whole = Math.sqrt(ofWeights * ofValues);
  return Math.max(0, ((whole - products) * (whole + products)) / (ofWeights * ofValues));
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

function pValue(lack: number, n: number): number {
  if (n === 3) return Math.max(0, 1 - (6 / Math.PI) * Math.acos(Math.sqrt(1 - lack)));
  const y = Math.log(lack);
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
