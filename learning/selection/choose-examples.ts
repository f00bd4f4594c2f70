import type { LoopConfig } from '../../config/loop.js';
import {
  ActiveLearner,
  describeSelection,
  type Selection,
  type SelectionCandidate,
  type SelectionWeights,
} from './active-learner.js';
import { needsEnsemble } from './ensemble-strategies.js';
import { splitWithFallback, type FallbackState } from './random-fallback.js';
import { matrixOf, type Matrix } from './strategies/matrix.js';
import { selectCandidates, type CandidatePool } from './strategies/select-candidates.js';
import { textFeatures } from './text-features.js';
import { vectorsOf } from './vector-index.js';

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
 * which of the two chose it. Where a strategy needs an ensemble and there is none yet, the active learner chooses. Does not depend on the order of the candidates.
 */
export function chooseExamples<T extends SelectionCandidate>(
  candidates: readonly T[],
  options: ChoiceOptions,
): Selection<T> {
  const { budget, seed, weights, fallback } = options;
  const strategy = candidates.every(hasVotes) || !needsEnsemble(options.strategy) ? options.strategy : 'active-learner';
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
 * What the strategies of the literature look at, from what the loop knows of a request: its words (or embedding) as features, and the
 * model's doubt as the probabilities of a right and a wrong answer, so that doubt 1 is a coin toss and doubt 0 is sure.
 */
function poolOf(candidates: readonly SelectionCandidate[]): CandidatePool {
  return {
    ids: candidates.map((row) => row.eventId),
    embeddings: vectorsOf(candidates) ?? textFeatures(candidates.map((row) => row.text)),
    probabilities: matrixOf(candidates.map(({ uncertainty }) => [1 - uncertainty / 2, uncertainty / 2])),
    ...(candidates.every(hasVotes) && { members: membersOf(candidates.map((row) => row.votes!)) }),
  };
}

const hasVotes = ({ votes }: SelectionCandidate) => (votes?.length ?? 0) > 1;

/**
 * The answers of an ensemble as class probabilities of its members: the classes of a request are its different answers,
 * and each member is sure of its own (query by committee; Seung, Opper & Sompolinsky 1992).
 */
function membersOf(votes: readonly (readonly string[])[]): Matrix[] {
  const models = votes[0]?.length ?? 0;
  const classes = votes.map((answers) => [...new Set(answers)]);
  return [...Array(models).keys()].map((model) =>
    matrixOf(
      votes.map((answers, row) =>
        Array.from({ length: models }, (_, label) => (classes[row]![label] === answers[model] ? 1 : 0)),
      ),
    ),
  );
}
