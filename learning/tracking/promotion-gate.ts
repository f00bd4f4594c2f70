import { RatchetError } from '../../config/errors.js';
import {
  observeDifferences,
  sequentialVerdict,
  startSequentialTest,
  type SequentialTestState,
} from '../statistics/sequential-test.js';

export interface PromotionOptions {
  /** Probability of promoting a challenger that is no better, over all looks together; default 0.05. */
  alpha?: number;
  /** Gain in mean score (points) that the challenger must exceed; default 0. */
  minimumGain?: number;
  /** Scores lie within 0 … this; default 100. */
  range?: number;
  /** After so many pairs without proof the champion stays; default none. */
  maximumPairs?: number;
}

export interface PromotionDecision {
  /** `promote` the challenger, `keep` the champion, or `continue` with more pairs. */
  decision: 'promote' | 'keep' | 'continue';
  /** Evidence for the challenger now: it is promoted once this has reached 1/α. */
  eValue: number;
  /** Valid at any time. */
  pValue: number;
  /** Pairs seen. */
  n: number;
  /** Plain data: hand it back with the next pairs. */
  state: SequentialTestState;
}

/**
 * Whether a challenger replaces the champion, from the scores of both on the same held-out cases. May be asked
 * after every case: looking often does not raise the error (see `sequential-test.ts`).
 * @param champion scores of the new pairs, not of those already in `state`
 * @param challenger one a champion's score, on the same case
 * @throws RatchetError E_DATA_INVALID when the lists differ in length or a score lies outside 0 … range
 */
export function judgePromotion(
  champion: readonly number[],
  challenger: readonly number[],
  options: PromotionOptions = {},
  state: SequentialTestState = startSequentialTest(),
): PromotionDecision {
  const { alpha = 0.05, minimumGain = 0, range = 100, maximumPairs = Infinity } = options;
  if (champion.length !== challenger.length) {
    throw new RatchetError(
      'E_DATA_INVALID',
      `promotion: ${champion.length} scores of the champion, ${challenger.length} of the challenger`,
      { hint: 'Score both on the same held-out cases.' },
    );
  }
  for (const [index, score] of [...champion, ...challenger].entries()) {
    if (score >= 0 && score <= range) continue;
    throw new RatchetError('E_DATA_INVALID', `promotion: score ${index} is ${score}, outside 0 … ${range}`, {
      hint: 'Give the range of the scores.',
    });
  }
  const differences = challenger.map((score, index) => score - champion[index]!);
  const next = observeDifferences(state, differences, { range, margin: minimumGain });
  const { verdict, ...evidence } = sequentialVerdict(next, alpha);
  const isOver = verdict === 'negative' || (verdict === 'open' && next.n >= maximumPairs);
  return { decision: verdict === 'positive' ? 'promote' : isOver ? 'keep' : 'continue', ...evidence, state: next };
}
