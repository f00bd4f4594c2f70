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

/**
 * Makes tokens that occurred less likely (Keskar et al. 2019): a negative score is multiplied by the penalty, another
 * divided, once per distinct id. In place.
 */
export function penaliseRepetition(scores: Float32Array, history: Iterable<number>, penalty: number): void {
  for (const id of new Set(history)) {
    const score = scores[id]!;
    scores[id] = score < 0 ? score * penalty : score / penalty;
  }
}

/** Divides by the temperature, > 0. In place. */
export function applyTemperature(scores: Float32Array, temperature: number): void {
  for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! / temperature;
}

/** Keeps every score at least as large as the k-th largest (ties survive); the others become −∞. In place. */
export function keepTopK(scores: Float32Array, k: number): void {
  if (k >= scores.length) return;
  const threshold = Float32Array.from(scores).sort()[scores.length - Math.max(1, k)]!;
  for (let i = 0; i < scores.length; i++) if (scores[i]! < threshold) scores[i] = -Infinity;
}

/**
 * Nucleus filtering (Holtzman et al. 2019) as in transformers: drops tokens from the least likely up while their
 * cumulative probability is ≤ 1 − p; the most likely one always stays. In place.
 */
export function keepTopP(scores: Float32Array, p: number): void {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]! || b - a);
  const { logNormalizer } = distribution(scores);
  let cumulative = 0;
  for (const id of order.slice(0, -1)) {
    cumulative += Math.exp(scores[id]! - logNormalizer);
    if (cumulative > 1 - p) break;
    scores[id] = -Infinity;
  }
}

export interface SamplingOptions {
  /** 0 = greedy. */
  temperature: number;
  topK?: number | undefined;
  topP?: number | undefined;
  /** 1 = none. */
  repetitionPenalty?: number | undefined;
}

/**
 * Chooses the next token: repetition penalty, temperature, top-k, top-p in that order (transformers' order), then the
 * inverse of the cumulative distribution in order of token id.
 *
 * @param logits not changed
 * @param history ids so far, the prompt's included; only read with a repetition penalty
 * @param uniform draws from [0, 1); not called for a greedy choice
 */
export function chooseToken(
  logits: Float32Array,
  history: readonly number[],
  options: SamplingOptions,
  uniform: () => number,
): number {
  const { temperature, topK, topP, repetitionPenalty = 1 } = options;
  if (temperature === 0 && repetitionPenalty === 1) return argmax(logits);
  const scores = Float32Array.from(logits);
  if (repetitionPenalty !== 1) penaliseRepetition(scores, history, repetitionPenalty);
  if (temperature === 0) return argmax(scores);
  applyTemperature(scores, temperature);
  if (topK !== undefined && topK > 0) keepTopK(scores, topK);
  if (topP !== undefined && topP < 1) keepTopP(scores, topP);
  const { logNormalizer } = distribution(scores);
  const target = uniform();
  let cumulative = 0;
  let last = argmax(scores);
  for (let id = 0; id < scores.length; id++) {
    const probability = Math.exp(scores[id]! - logNormalizer);
    if (probability === 0) continue;
    cumulative += probability;
    last = id;
    if (target < cumulative) return id;
  }
  return last;
}
