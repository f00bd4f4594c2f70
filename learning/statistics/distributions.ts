import { incompleteGamma, logChoose, logGamma } from './gamma-functions.js';
import { gaussLegendre } from './gauss-legendre.js';
import { betaQuantile, incompleteBeta } from './incomplete-beta.js';
import { normalCdf, normalQuantile } from './normal.js';

/** From these degrees of freedom on 1 − t²/df has too few digits for the incomplete beta function. */
const NEARLY_NORMAL_FROM = 1e6;

/** P(T ≤ t) of Student's t with `df` > 0 degrees of freedom (not necessarily whole); relatively exact in the tail. */
export function studentCdf(t: number, df: number): number {
  if (Number.isNaN(t)) return NaN;
  if (df > NEARLY_NORMAL_FROM) return normalCdf(normalOfStudent(t, df));
  const square = t * t;
  const tail =
    square === Infinity ? 0 : 0.5 * incompleteBeta(df / 2, 0.5, df / (df + square), square / (df + square)).lower;
  return t > 0 ? 1 - tail : tail;
}

/** P(T > t). */
export function studentSf(t: number, df: number): number {
  return studentCdf(-t, df);
}

/** t with P(T ≤ t) = p. */
export function studentQuantile(p: number, df: number): number {
  if (p > 0.5) return -studentQuantile(1 - p, df);
  if (p === 0.5) return 0;
  if (df > NEARLY_NORMAL_FROM) return studentOfNormal(normalQuantile(p), df);
  const { x, y } = betaQuantile(2 * p, df / 2, 0.5, 1 - 2 * p);
  return -Math.sqrt((df * y) / x);
}

/** z with Φ(z) = P(T ≤ t), to 1e-15 for a large df (Hill 1970, algorithm 395). */
function normalOfStudent(t: number, df: number): number {
  const squares = (df - 0.5) * Math.log1p((t / df) * t);
  const scale = 48 * (df - 0.5) ** 2;
  return Math.sign(t) * Math.sqrt(squares) * (1 + (squares + 3) / scale);
}

/** t with P(T ≤ t) = Φ(z), to 1e-15 for a large df (Cornish–Fisher expansion; Abramowitz & Stegun 26.7.5). */
function studentOfNormal(z: number, df: number): number {
  return z + (z ** 3 + z) / (4 * df) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * df ** 2);
}

/** P(X > x) of the χ² distribution with `df` degrees of freedom. */
export function chiSquareSf(x: number, df: number): number {
  return incompleteGamma(df / 2, Math.max(0, x) / 2).upper;
}

/** P(X ≤ x) of the χ² distribution. */
export function chiSquareCdf(x: number, df: number): number {
  return incompleteGamma(df / 2, Math.max(0, x) / 2).lower;
}

/** P(X > x) of Fisher's F with d1 and d2 degrees of freedom. */
export function fSf(x: number, d1: number, d2: number): number {
  if (x <= 0) return 1;
  if (x === Infinity) return 0;
  return incompleteBeta(d2 / 2, d1 / 2, d2 / (d2 + d1 * x), (d1 * x) / (d2 + d1 * x)).lower;
}

/** P(X ≤ x) of Fisher's F. */
export function fCdf(x: number, d1: number, d2: number): number {
  if (x <= 0) return 0;
  if (x === Infinity) return 1;
  return incompleteBeta(d1 / 2, d2 / 2, (d1 * x) / (d2 + d1 * x), d2 / (d2 + d1 * x)).lower;
}

/** P(K = k) of the binomial distribution with n tries of probability p. */
export function binomialMass(k: number, n: number, p: number): number {
  if (k < 0 || k > n) return 0;
  if (p === 0) return k === 0 ? 1 : 0;
  if (p === 1) return k === n ? 1 : 0;
  return Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p));
}

/** P(K ≤ k). */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  if (k >= n) return 1;
  return incompleteBeta(n - k, k + 1, 1 - p, p).lower;
}

/** P(K > k). */
export function binomialSf(k: number, n: number, p: number): number {
  if (k < 0) return 1;
  if (k >= n) return 0;
  return incompleteBeta(n - k, k + 1, 1 - p, p).upper;
}

/**
 * P(T > t) of the noncentral t distribution with noncentrality δ: ∫ P(Z > t·s − δ) f(s) ds over s = √(χ²/df), by
 * Gauss–Legendre on the ten standard deviations around its middle; absolute error below 1e-10 for df ≥ 1.
 */
export function noncentralStudentSf(t: number, df: number, noncentrality: number): number {
  const spread = 10 / Math.sqrt(2 * df);
  const low = Math.max(0, 1 - spread);
  const { nodes, weights } = gaussLegendre(96, low, 1 + spread);
  const logFactor = Math.LN2 + (df / 2) * Math.log(df / 2) - logGamma(df / 2);
  let sum = 0;
  for (let index = 0; index < nodes.length; index++) {
    const s = nodes[index]!;
    const density = Math.exp(logFactor + (df - 1) * Math.log(s) - (df * s * s) / 2);
    sum += weights[index]! * density * normalCdf(noncentrality - t * s);
  }
  return sum;
}
