import { normalCdf, normalLogCdf, normalLogDensity, scaledErfc } from '../statistics/normal.js';

const LOG_SQRT_TWO_PI = -normalLogDensity(0);

/** log P(a ≤ Z ≤ b) for a ≤ b, without cancellation in either tail. */
export function logNormalMass(a: number, b: number): number {
  if (a > 0) return logNormalMass(-b, -a);
  if (b <= 0) {
    const upper = normalLogCdf(b);
    return upper + Math.log1p(-Math.exp(normalLogCdf(a) - upper));
  }
  return Math.log1p(-normalCdf(a) - normalCdf(-b));
}

/**
 * The x with log P(Z ≤ x) = y. Newton's method on log P, which is concave: started left of the root, it climbs to it
 * without overshooting. Above the median the mirrored tail is solved instead.
 */
function inverseLogNormalCdf(y: number): number {
  if (y > -Math.LN2) return -inverseLogNormalCdf(Math.log(-Math.expm1(y)));
  let x = -Math.sqrt(Math.max(0, -2 * (y + LOG_SQRT_TWO_PI))) - 1;
  for (let iteration = 0; iteration < 60; iteration++) {
    const value = normalLogCdf(x);
    const step = (y - value) * Math.exp(value - normalLogDensity(x));
    x += step;
    if (Math.abs(step) <= 1e-14 * Math.abs(x)) break;
  }
  return x;
}

/** The q-quantile of the standard normal distribution truncated to [a, b]; q in [0, 1]. */
export function truncatedNormalQuantile(q: number, a: number, b: number): number {
  if (q <= 0) return a;
  if (q >= 1) return b;
  // The left tail is the exact one, so an interval on the right is mirrored.
  if (a >= 0) return -truncatedNormalQuantile(1 - q, -b, -a);
  const mass = Math.log(q) + logNormalMass(a, b);
  const lower = normalLogCdf(a);
  const larger = Math.max(mass, lower);
  const x = inverseLogNormalCdf(Math.min(0, larger + Math.log1p(Math.exp(Math.min(mass, lower) - larger))));
  return Math.min(b, Math.max(a, x));
}

/**
 * log E[max(0, Z + z)] = log(z·Φ(z) + φ(z)), the logarithm of the standardised expected improvement (Ament et al.
 * 2023, "Unexpected improvements to expected improvement", eq. 9); finite for any z.
 */
export function logStandardImprovement(z: number): number {
  if (z > -2.2) return Math.log(z * normalCdf(z) + Math.exp(normalLogDensity(z)));
  if (z < -1e4) return normalLogDensity(z) - 2 * Math.log(-z);
  return normalLogDensity(z) + Math.log1p(z * Math.sqrt(Math.PI / 2) * scaledErfc(-z * Math.SQRT1_2));
}
