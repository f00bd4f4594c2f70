/** What one row of logits says about the next token, in nats; computed in float64. */
export interface Distribution {
  /** Log of the softmax's denominator: log p(token) = logit − logNormalizer. */
  logNormalizer: number;
  entropy: number;
}

/** The softmax over a row of finite logits. */
export function distribution(logits: Float32Array): Distribution {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > largest) largest = logits[i]!;
  let total = 0;
  let weighted = 0;
  for (let i = 0; i < logits.length; i++) {
    const shifted = logits[i]! - largest;
    const weight = Math.exp(shifted);
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
