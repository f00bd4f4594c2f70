import { nonZero } from './gamma-functions.js';

const LOG_SQRT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
/** From here on the upper tail is pdf × Mills' ratio; below, a power series from the middle loses no digits. */
const TAIL_FROM = 2;

/** Density of the standard normal distribution. */
export function normalDensity(x: number): number {
  return Math.exp(-0.5 * x * x - LOG_SQRT_TWO_PI);
}

/** P(Z ≤ x) of the standard normal distribution; relatively exact in the lower tail down to 1e-300. */
export function normalCdf(x: number): number {
  if (x > TAIL_FROM) return 1 - normalDensity(x) * millsRatio(x);
  if (x < -TAIL_FROM) return normalDensity(x) * millsRatio(-x);
  let term = x;
  let sum = x;
  for (let n = 3; Math.abs(term) > 1e-18; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + normalDensity(x) * sum;
}

/** P(Z > x); relatively exact in the upper tail. */
export function normalSf(x: number): number {
  return normalCdf(-x);
}

/** ln P(Z ≤ x); finite far beyond where the probability itself underflows. */
export function normalLogCdf(x: number): number {
  if (x > 0) return Math.log1p(-normalSf(x));
  return x < -TAIL_FROM ? -0.5 * x * x - LOG_SQRT_TWO_PI + Math.log(millsRatio(-x)) : Math.log(normalCdf(x));
}

/** x with P(Z ≤ x) = p; ±Infinity at 0 and 1. Newton's method on ln Φ, which is concave: it cannot overshoot. */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return NaN;
  if (p === 0) return -Infinity;
  if (p === 1) return Infinity;
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p === 0.5) return 0;
  const target = Math.log(p);
  let x = -Math.sqrt(-2 * target);
  for (let step = 0; step < 50; step++) {
    const log = normalLogCdf(x);
    const next = x - (log - target) / Math.exp(-0.5 * x * x - LOG_SQRT_TWO_PI - log);
    if (Math.abs(next - x) <= 4e-16 * Math.abs(x)) return next;
    x = next;
  }
  return x;
}

/** P(Z > x) / density(x) for x ≥ 2, by Laplace's continued fraction 1/(x + 1/(x + 2/(x + 3/(x + …)))). */
function millsRatio(x: number): number {
  let fraction = x;
  let c = x;
  let d = 0;
  for (let n = 1; n < 1000; n++) {
    d = 1 / nonZero(x + n * d);
    c = nonZero(x + n / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return 1 / fraction;
}
