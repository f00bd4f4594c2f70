/** Coefficients B₂ₖ / (2k(2k−1)) of Stirling's series for ln Γ, k = 1 … 8 (DLMF 5.11.1). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156, -3617 / 122_400] as const;
/** From here on the series is exact to double precision. */
const STIRLING_FROM = 15;
const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const TINY = 1e-300;

/** ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π) for x ≥ 15. */
function stirlingCorrection(x: number): number {
  const inverseSquare = 1 / (x * x);
  let sum = 0;
  for (let k = STIRLING.length - 1; k >= 0; k--) sum = sum * inverseSquare + STIRLING[k]!;
  return sum / x;
}

/** Natural logarithm of Γ(x) for x > 0; relative error about 1e-15 (Stirling's series after shifting x above 15). */
export function logGamma(x: number): number {
  let shifted = x;
  let product = 1;
  while (shifted < STIRLING_FROM) {
    product *= shifted;
    shifted++;
  }
  return (
    (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TWO_PI + stirlingCorrection(shifted) - Math.log(product)
  );
}

/**
 * ln B(a, b) for a, b > 0. Large arguments use the differences of the Stirling corrections, as ln Γ(a) + ln Γ(b) −
 * ln Γ(a+b) would cancel (the identity behind SLATEC's DLBETA).
 */
export function logBeta(a: number, b: number): number {
  const [small, large] = a < b ? [a, b] : [b, a];
  const sum = small + large;
  if (large < STIRLING_FROM) return logGamma(small) + logGamma(large) - logGamma(sum);
  const corrections = stirlingCorrection(large) - stirlingCorrection(sum);
  const rest = Math.log1p(-small / sum);
  if (small < STIRLING_FROM) {
    return logGamma(small) + corrections + small - small * Math.log(sum) + (large - 0.5) * rest;
  }
  return (
    -0.5 * Math.log(large) +
    HALF_LOG_TWO_PI +
    stirlingCorrection(small) +
    corrections +
    (small - 0.5) * Math.log(small / sum) +
    large * rest
  );
}

/** ln of the binomial coefficient n over k; n ≥ k ≥ 0. */
export function logChoose(n: number, k: number): number {
  return k === 0 || k === n ? 0 : -Math.log(n + 1) - logBeta(n - k + 1, k + 1);
}

/**
 * Regularised incomplete gamma functions P(a, x) (`lower`) and Q(a, x) (`upper`), a > 0, x ≥ 0; each is exact
 * relatively, also far in its tail. Series below a + 1, Lentz's continued fraction above (DLMF 8.11.4, 8.9.2).
 */
export function incompleteGamma(a: number, x: number): { lower: number; upper: number } {
  if (Number.isNaN(x)) return { lower: NaN, upper: NaN };
  if (x === 0) return { lower: 0, upper: 1 };
  if (x === Infinity) return { lower: 1, upper: 0 };
  const front = gammaFront(a, x);
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= x / (a + n);
      sum += term;
    }
    const lower = front * sum;
    return { lower, upper: 1 - lower };
  }
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 100_000; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / nonZero(numerator * d + b);
    c = nonZero(b + numerator / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  const upper = front * fraction;
  return { lower: 1 - upper, upper };
}

/** x^a e^−x / Γ(a): of a large a by the ratio x / a, as a ln x − x and ln Γ(a) would cancel. */
function gammaFront(a: number, x: number): number {
  if (a < STIRLING_FROM) return Math.exp(a * Math.log(x) - x - logGamma(a));
  const excess = (x - a) / a;
  return Math.sqrt(a / (2 * Math.PI)) * Math.exp(a * (Math.log1p(excess) - excess) - stirlingCorrection(a));
}

/** Lentz's guard: a zero denominator of a continued fraction becomes tiny. */
export function nonZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}
