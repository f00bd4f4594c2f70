import type { LoopConfig } from '../../config/loop.js';
import {
  ActiveLearner,
  describeSelection,
  type Selection,
  type SelectionCandidate,
  type SelectionWeights,
} from './active-learner.js';
import { splitWithFallback, type FallbackState } from './random-fallback.js';
import { matrixOf } from './strategies/matrix.js';
import { selectCandidates, type CandidatePool } from './strategies/select-candidates.js';
import { textFeatures } from './text-features.js';

export interface ChoiceOptions {
  strategy: LoopConfig['selection']['strategy'];
  budget: number;
  seed: number;
  weights: SelectionWeights;
  /** How the strategy did against random selection; without it no random slice is kept. */
  fallback?: FallbackState;
}

/**
 * Chooses by the strategy of a name, with a random slice beside it where asked for; each row of the metadata then says
 * which of the two chose it. Does not depend on the order of the candidates.
 */
export function chooseExamples<T extends SelectionCandidate>(
  candidates: readonly T[],
  options: ChoiceOptions,
): Selection<T> {
  const { strategy, budget, seed, weights, fallback } = options;
  const learner = new ActiveLearner({ weights });
  if (strategy === 'active-learner' && fallback === undefined) {
    return learner.selectInformativeExamples(candidates, { budget });
  }
  const pick = (count: number): string[] =>
    strategy === 'active-learner'
      ? learner.selectInformativeExamples(candidates, { budget: count }).selected.map((row) => row.eventId)
      : selectCandidates(strategy, poolOf(candidates), { budget: count, seed });
  const ids = candidates.map((row) => row.eventId);
  const slices =
    fallback === undefined
      ? { strategy: pick(budget), random: [] }
      : splitWithFallback(ids, pick, { budget, seed, state: fallback });
  const selection = describeSelection(candidates, [...slices.strategy, ...slices.random], weights);
  if (fallback === undefined) return selection;
  const drawn = new Set(slices.random);
  const metadata = selection.metadata.map((row) =>
    row.selected ? { ...row, slice: drawn.has(row.eventId) ? ('random' as const) : ('strategy' as const) } : row,
  );
  return { ...selection, metadata };
}

/**
 * What the strategies of the literature look at, from what the loop knows of a request: its words as features, and the
 * model's doubt as the probabilities of a right and a wrong answer, so that doubt 1 is a coin toss and doubt 0 is sure.
 */
function poolOf(candidates: readonly SelectionCandidate[]): CandidatePool {
  return {
    ids: candidates.map((row) => row.eventId),
    embeddings: textFeatures(candidates.map((row) => row.text)),
    probabilities: matrixOf(candidates.map(({ uncertainty }) => [1 - uncertainty / 2, uncertainty / 2])),
  };
}
