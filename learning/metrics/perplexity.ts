/**
 * Perplexity of tokens, ≥ 1 for a model's own distribution: exp of their mean negative log probability (natural log).
 *
 * @param logProbabilities one a token; NaN for none
 */
export function perplexity(logProbabilities: readonly number[]): number {
  return Math.exp(meanNegativeLogLikelihood(logProbabilities));
}

/** Mean negative log probability of tokens, nats; NaN for none. */
export function meanNegativeLogLikelihood(logProbabilities: readonly number[]): number {
  let sum = 0;
  for (const value of logProbabilities) sum -= value;
  return sum / logProbabilities.length;
}
