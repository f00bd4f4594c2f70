import { exponential } from './distribution.js';

/**
 * Makes tokens that occurred less likely (Keskar et al. 2019): a negative score is multiplied by the penalty, another
 * divided, once per distinct id. In place, with the penalty in float32 as PyTorch takes it.
 */
export function penaliseRepetition(scores: Float32Array, history: Iterable<number>, penalty: number): void {
  const factor = Math.fround(penalty);
  for (const id of new Set(history)) {
    const score = scores[id]!;
    scores[id] = score < 0 ? score * factor : score / factor;
  }
}

/** Forbids each token that would repeat a run of `size` tokens of the history. In place. */
export function banRepeatedNgrams(scores: Float32Array, history: readonly number[], size: number): void {
  const start = history.length - size + 1;
  for (let first = 0; first < start; first++) {
    let same = true;
    for (let i = 0; same && i < size - 1; i++) same = history[first + i] === history[start + i];
    if (same) scores[history[first + size - 1]!] = -Infinity;
  }
}

/** Divides by the temperature, > 0, in float32 as PyTorch takes it. In place. */
export function applyTemperature(scores: Float32Array, temperature: number): void {
  const divisor = Math.fround(temperature);
  for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! / divisor;
}

/** Keeps every score at least as large as the k-th largest (ties survive); the others become −∞. In place. */
export function keepTopK(scores: Float32Array, k: number): void {
  if (k >= scores.length) return;
  const threshold = Float32Array.from(scores).sort()[scores.length - Math.max(1, k)]!;
  for (let i = 0; i < scores.length; i++) if (scores[i]! < threshold) scores[i] = -Infinity;
}

/**
 * Nucleus filtering (Holtzman et al. 2019) as in transformers: drops tokens from the least likely up while their
 * cumulative probability is ≤ 1 − p; the most likely one always stays. Probabilities and bound are float32 as there, so
 * that of equal ones as many stay; which of them is the smallest ids' turn. In place.
 */
export function keepTopP(scores: Float32Array, p: number): void {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]! || b - a);
  const largest = scores[order.at(-1)!]!;
  const total = scores.reduce((sum, score) => sum + exponential(score - largest), 0);
  const bound = Math.fround(1 - p);
  let cumulative = 0;
  for (const id of order.slice(0, -1)) {
    cumulative += Math.fround(exponential(scores[id]! - largest) / total);
    if (Math.fround(cumulative) > bound) break;
    scores[id] = -Infinity;
  }
}

/** Drops tokens less likely than `share` times the most likely one (Nguyen et al. 2024). In place. */
export function keepMinP(scores: Float32Array, share: number): void {
  let largest = -Infinity;
  for (const score of scores) if (score > largest) largest = score;
  for (let i = 0; i < scores.length; i++) if (Math.exp(scores[i]! - largest) < share) scores[i] = -Infinity;
}

/** What changes the scores of the next token whether it is chosen or drawn. */
export interface ProcessorOptions {
  /** 1 = none. */
  repetitionPenalty?: number | undefined;
  /** No run of this many tokens occurs twice. */
  noRepeatNgramSize?: number | undefined;
}

/** What changes the distribution a token is drawn from. */
export interface SamplingOptions extends ProcessorOptions {
  /** 0 = greedy. */
  temperature: number;
  topK?: number | undefined;
  topP?: number | undefined;
  minP?: number | undefined;
}

export const processes = ({ repetitionPenalty = 1, noRepeatNgramSize }: ProcessorOptions): boolean =>
  repetitionPenalty !== 1 || noRepeatNgramSize !== undefined;

/**
 * Repetition penalty, repeated n-grams, then forbidden tokens: transformers' order. In place.
 *
 * @param history ids so far, the prompt's included
 * @param forbidden ids that may not come next
 */
export function processScores(
  scores: Float32Array,
  history: readonly number[],
  { repetitionPenalty = 1, noRepeatNgramSize }: ProcessorOptions,
  forbidden: readonly number[],
): void {
  if (repetitionPenalty !== 1) penaliseRepetition(scores, history, repetitionPenalty);
  if (noRepeatNgramSize !== undefined) banRepeatedNgrams(scores, history, noRepeatNgramSize);
  for (const id of forbidden) scores[id] = -Infinity;
}

/** Temperature, top-k, top-p and min-p in that order (transformers'). In place. */
export function warpScores(scores: Float32Array, { temperature, topK, topP, minP }: SamplingOptions): void {
  applyTemperature(scores, temperature);
  if (topK !== undefined && topK > 0) keepTopK(scores, topK);
  if (topP !== undefined && topP < 1) keepTopP(scores, topP);
  if (minP !== undefined && minP > 0) keepMinP(scores, minP);
}
