const LOG_SQRT_2PI = 0.5 * Math.log(2 * Math.PI);

/** Scaled complementary error function exp(x²)·erfc(x) for x ≥ 1.5 by its continued fraction (relative error < 1e-14). */
function scaledErfc(x: number): number {
  const terms = Math.ceil(12 + 250 / (x * x));
  let tail = x;
  for (let k = terms; k >= 1; k--) tail = x + k / 2 / tail;
  return 1 / (Math.sqrt(Math.PI) * tail);
}

/** erf(x)·√π/2·exp(x²) by a series without cancellation, for |x| < 3. */
function scaledErfSeries(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return sum;
}

/** log of the standard normal density. */
export function logNormalDensity(x: number): number {
  return -0.5 * x * x - LOG_SQRT_2PI;
}

/** P(Z ≤ x) of the standard normal distribution, relatively exact in the left tail. */
export function normalCdf(x: number): number {
  if (x < -2.2) return 0.5 * scaledErfc(-x * Math.SQRT1_2) * Math.exp(-0.5 * x * x);
  if (x > 2.2) return 1 - normalCdf(-x);
  const half = x * Math.SQRT1_2;
  return 0.5 + (scaledErfSeries(half) * Math.exp(-0.5 * x * x)) / Math.sqrt(Math.PI);
}

/** log P(Z ≤ x); finite far into the left tail, where the probability itself underflows. */
export function logNormalCdf(x: number): number {
  if (x < -2.2) return Math.log(0.5 * scaledErfc(-x * Math.SQRT1_2)) - 0.5 * x * x;
  return x > 2.2 ? Math.log1p(-normalCdf(-x)) : Math.log(normalCdf(x));
}

/** log P(a ≤ Z ≤ b) for a ≤ b, without cancellation in either tail. */
export function logNormalMass(a: number, b: number): number {
  if (a > 0) return logNormalMass(-b, -a);
  if (b <= 0) {
    const upper = logNormalCdf(b);
    return upper + Math.log1p(-Math.exp(logNormalCdf(a) - upper));
  }
  return Math.log1p(-normalCdf(a) - normalCdf(-b));
}

/**
 * The x with log P(Z ≤ x) = y. Newton's method on log P, which is concave: started left of the root, it climbs to it
 * without overshooting. Above the median the mirrored tail is solved instead.
 */
function inverseLogNormalCdf(y: number): number {
  if (y > -Math.LN2) return -inverseLogNormalCdf(Math.log(-Math.expm1(y)));
  let x = -Math.sqrt(Math.max(0, -2 * (y + LOG_SQRT_2PI))) - 1;
  for (let iteration = 0; iteration < 60; iteration++) {
    const value = logNormalCdf(x);
    const step = (y - value) * Math.exp(value - logNormalDensity(x));
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
  const lower = logNormalCdf(a);
  const larger = Math.max(mass, lower);
  const x = inverseLogNormalCdf(Math.min(0, larger + Math.log1p(Math.exp(Math.min(mass, lower) - larger))));
  return Math.min(b, Math.max(a, x));
}

/**
 * log E[max(0, Z + z)] = log(z·Φ(z) + φ(z)), the logarithm of the standardised expected improvement (Ament et al.
 * 2023, "Unexpected improvements to expected improvement", eq. 9); finite for any z.
 */
export function logStandardImprovement(z: number): number {
  if (z > -2.2) return Math.log(z * normalCdf(z) + Math.exp(logNormalDensity(z)));
  if (z < -1e4) return logNormalDensity(z) - 2 * Math.log(-z);
  return logNormalDensity(z) + Math.log1p(z * Math.sqrt(Math.PI / 2) * scaledErfc(-z * Math.SQRT1_2));
}
