/**
 * Uncertainty of the model about one request, 0–1: how far its answer failed and, where the engine reports it, the entropy
 * of its next-token distributions (nats, ÷ ln 2 and cut at 1: a coin toss at every token is as uncertain as it gets); the
 * mean of the two. An answer failed by 1 − score/100, or by (1 − base)/2 where its user thought worse of it than that:
 * what a validator passes and people correct is what the model does not know.
 * @param validationScore 0–100
 * @param opinionBase of the reward of an event whose user said what he thinks, −1 … 1
 */
export function uncertaintyOf(validationScore: number, meanEntropy?: number, opinionBase?: number): number {
  const invalid = Math.min(1, Math.max(0, 1 - validationScore / 100));
  const failure = opinionBase === undefined ? invalid : Math.max(invalid, (1 - opinionBase) / 2);
  if (meanEntropy === undefined) return failure;
  return (failure + Math.min(1, Math.max(0, meanEntropy / Math.LN2))) / 2;
}
