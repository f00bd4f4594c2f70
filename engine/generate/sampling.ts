import { argmax, distribution } from './distribution.js';
import { processes, processScores, warpScores, type SamplingOptions } from './logits-processors.js';

/**
 * Chooses the next token: the processors, then the largest score, or by the inverse of the cumulative distribution in
 * order of token id after the filters.
 *
 * @param logits not changed
 * @param history ids so far, the prompt's included; only read with a processor that needs it
 * @param uniform draws from [0, 1); not called for a greedy choice
 * @param forbidden ids that may not come next
 */
export function chooseToken(
  logits: Float32Array,
  history: readonly number[],
  options: SamplingOptions,
  uniform: () => number,
  forbidden: readonly number[] = [],
): number {
  if (options.temperature === 0 && forbidden.length === 0 && !processes(options)) return argmax(logits);
  const scores = Float32Array.from(logits);
  processScores(scores, history, options, forbidden);
  if (options.temperature === 0) return argmax(scores);
  warpScores(scores, options);
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
