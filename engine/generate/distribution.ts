/** What one row of logits says about the next token, in nats; computed in float64. */
export interface Distribution {
  /** Log of the softmax's denominator: log p(token) = logit − logNormalizer. */
  logNormalizer: number;
  entropy: number;
}

/** The exponential's argument is split at multiples of ln 2 ÷ this. */
const STEPS = 256;
const STEP = Math.LN2 / STEPS;
/** 2^(i ÷ STEPS) for one octave, and 2^−i. */
const FRACTIONS = Float64Array.from({ length: STEPS }, (_, i) => 2 ** (i / STEPS));
const OCTAVES = Float64Array.from({ length: 1024 }, (_, i) => 2 ** -i);

/**
 * e^x for x ≤ 0 to a relative 1e-12, and 0 below −709, by a table and a cubic: a vocabulary of 50,000 tokens is weighed at each
 * token, and `Math.exp` takes four times as long.
 */
export function exponential(x: number): number {
  if (!(x > -709)) return x < 0 ? 0 : NaN;
  const steps = (x / STEP - 0.5) | 0;
  const rest = x - steps * STEP;
  const power = OCTAVES[-(steps >> 8)]! * FRACTIONS[steps & (STEPS - 1)]!;
  return power * (1 + rest * (1 + rest * (0.5 + rest * (1 / 6))));
}

/** The softmax over a row of finite logits. */
export function distribution(logits: Float32Array): Distribution {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > largest) largest = logits[i]!;
  let total = 0;
  let weighted = 0;
  for (let i = 0; i < logits.length; i++) {
    const shifted = logits[i]! - largest;
    const weight = exponential(shifted);
    total += weight;
    if (weight > 0) weighted += weight * shifted;
  }
  return { logNormalizer: largest + Math.log(total), entropy: Math.log(total) - weighted / total };
}

/** Index of the largest value; the first of several. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
