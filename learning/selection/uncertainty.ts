/**
 * Uncertainty of the model about one request, 0–1: how far its answer failed (1 − score/100) and, where the engine
 * reports it, the entropy of its next-token distributions (nats, ÷ ln 2 and cut at 1: a coin toss at every token is
 * as uncertain as it gets); the mean of the two.
 * @param validationScore 0–100
 */
export function uncertaintyOf(validationScore: number, meanEntropy?: number): number {
  const failure = Math.min(1, Math.max(0, 1 - validationScore / 100));
  if (meanEntropy === undefined) return failure;
  return (failure + Math.min(1, Math.max(0, meanEntropy / Math.LN2))) / 2;
}
