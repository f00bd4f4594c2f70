const LOG_SQRT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
/** From here on the tails come from the scaled complementary error function; between, from a series. */
const TAIL_FROM = 2.2;

/** Scaled complementary error function exp(x²)·erfc(x) for x ≥ 1.5 by its continued fraction (relative error < 1e-14). */
export function scaledErfc(x: number): number {
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

/** ln of the density of the standard normal distribution. */
export function normalLogDensity(x: number): number {
  return -0.5 * x * x - LOG_SQRT_TWO_PI;
}

/** Density of the standard normal distribution. */
export function normalDensity(x: number): number {
  return Math.exp(normalLogDensity(x));
}

/** P(Z ≤ x) of the standard normal distribution; relatively exact in the lower tail down to 1e-300. */
export function normalCdf(x: number): number {
  if (x < -TAIL_FROM) return 0.5 * scaledErfc(-x * Math.SQRT1_2) * Math.exp(-0.5 * x * x);
  if (x > TAIL_FROM) return 1 - normalCdf(-x);
  return 0.5 + centralMass(x);
}

/** P(0 < Z ≤ x), negative for a negative x; relatively exact for |x| < 3. */
function centralMass(x: number): number {
  return (scaledErfSeries(x * Math.SQRT1_2) * Math.exp(-0.5 * x * x)) / Math.sqrt(Math.PI);
}

/** x with {@link centralMass} `mass`, |mass| ≤ 0.1. */
function centralQuantile(mass: number): number {
  let x = mass * Math.sqrt(2 * Math.PI);
  // The error of the start is of third order, and each step squares it.
  for (let step = 0; step < 4; step++) x -= (centralMass(x) - mass) / normalDensity(x);
  return x;
}

/** P(Z > x); relatively exact in the upper tail. */
export function normalSf(x: number): number {
  return normalCdf(-x);
}

/** ln P(Z ≤ x); finite far beyond where the probability itself underflows. */
export function normalLogCdf(x: number): number {
  if (x < -TAIL_FROM) return Math.log(0.5 * scaledErfc(-x * Math.SQRT1_2)) - 0.5 * x * x;
  return x > TAIL_FROM ? Math.log1p(-normalSf(x)) : Math.log(normalCdf(x));
}

/**
 * x with P(Z ≤ x) = p; ±Infinity at 0 and 1. Newton's method on ln Φ, which is concave: it cannot overshoot; near the
 * middle on Φ − ½, as ln Φ has no digits left there for an x near 0.
 */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return NaN;
  if (p === 0) return -Infinity;
  if (p === 1) return Infinity;
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p > 0.4) return centralQuantile(p - 0.5);
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
