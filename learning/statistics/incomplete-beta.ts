import { logBeta, nonZero } from './gamma-functions.js';

/**
 * Regularised incomplete beta function I_x(a, b) (`lower`) and its complement (`upper`), a, b > 0. Each is exact
 * relatively, also far in its tail. Lentz's continued fraction (DLMF 8.17.22).
 * @param x 0–1
 * @param y 1 − x; give it where it is known better than by subtraction
 */
export function incompleteBeta(a: number, b: number, x: number, y = 1 - x): { lower: number; upper: number } {
  if (Number.isNaN(x)) return { lower: NaN, upper: NaN };
  if (x <= 0) return { lower: 0, upper: 1 };
  if (y <= 0) return { lower: 1, upper: 0 };
  if (x > (a + 1) / (a + b + 2)) {
    const { lower, upper } = incompleteBeta(b, a, y, x);
    return { lower: upper, upper: lower };
  }
  const logX = y < 0.5 ? Math.log1p(-y) : Math.log(x);
  const logY = x < 0.5 ? Math.log1p(-x) : Math.log(y);
  const front = Math.exp(a * logX + b * logY - logBeta(a, b)) / a;
  const lower = front * continuedFraction(a, b, x);
  return { lower, upper: 1 - lower };
}

function continuedFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + even * d);
    c = nonZero(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + odd * d);
    c = nonZero(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return fraction;
}

/**
 * Quantile of the beta distribution: x with I_x(a, b) = p, and y = 1 − x. Newton's method on the logarithms, where the
 * lower tail is a straight line, kept inside a bracket; the upper part is solved mirrored.
 * @param p 0–1
 * @param q 1 − p; give it where it is known better than by subtraction
 */
export function betaQuantile(p: number, a: number, b: number, q = 1 - p): { x: number; y: number } {
  if (p <= 0) return { x: 0, y: 1 };
  if (q <= 0) return { x: 1, y: 0 };
  if (p > incompleteBeta(a, b, a / (a + b)).lower) {
    const y = lowerQuantile(q, b, a);
    return { x: 1 - y, y };
  }
  const x = lowerQuantile(p, a, b);
  return { x, y: 1 - x };
}

/** The quantile below the mean. */
function lowerQuantile(p: number, a: number, b: number): number {
  const target = Math.log(p);
  const norm = logBeta(a, b);
  let low = Math.min((target + Math.log(a) + norm) / a, 0) - 50 / a;
  let high = Math.log(a / (a + b));
  let u = Math.max(low, Math.min(high, (target + Math.log(a) + norm) / a));
  for (let step = 0; step < 200; step++) {
    const x = Math.exp(u);
    const value = Math.log(incompleteBeta(a, b, x).lower);
    if (value > target) high = u;
    else low = u;
    const slope = Math.exp(a * u + (b - 1) * Math.log1p(-x) - norm - value);
    let next = u - (value - target) / slope;
    if (!(next >= low && next <= high)) next = (low + high) / 2;
    if (Math.abs(next - u) <= 4e-16 * Math.max(1, Math.abs(u)) || next === u) break;
    u = next;
  }
  return Math.exp(u);
}
