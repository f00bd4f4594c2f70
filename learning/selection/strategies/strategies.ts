import type { Stream } from '../../../config/random.js';
import { densities } from './density.js';
import { consensusDivergence, voteEntropy } from './disagreement.js';
import { cosineSimilarity, facilityLocation } from './facility-location.js';
import { centralRow, kCenter } from './k-center.js';
import { embeddingDistance, gradientDistance, gradientEmbedding, kMeansPlusPlus } from './k-means-plus-plus.js';
import type { Matrix } from './matrix.js';
import { maximalMarginalRelevance } from './maximal-marginal-relevance.js';
import { entropyScores, leastConfidenceScores, margins, topRows } from './uncertainty-scores.js';

/** What a strategy may look at; row r of every matrix is candidate r. */
export interface StrategyInput {
  /** `[rows, dimensions]`. */
  embeddings: Matrix;
  /** Class probabilities of the model, `[rows, classes]`. */
  probabilities: Matrix;
  /** Class probabilities of each member of an ensemble. */
  members: readonly Matrix[];
}

export interface SelectionStrategy {
  needs: readonly (keyof StrategyInput)[];
  /** More candidates than this are cut down to a seeded uniform sample first; absent where all are looked at. */
  largestPool?: number;
  /** `budget` different rows (fewer only when there are fewer), best first. Equal values go to the lowest row. */
  select(input: StrategyInput, rows: number, budget: number, random: Stream): number[];
}

/** Weight of relevance (normalised entropy) against diversity. */
const MMR_LAMBDA = 0.7;
/** D² sampling passes over the whole pool at every pick. */
const LARGEST_FOR_SAMPLING = 50_000;
/** Facility location compares candidates with clients in a table: at most this many of each, or 10 a pick. */
const FACILITIES = 5000;
const CLIENTS = 2000;

function byScore(needs: keyof StrategyInput, score: (input: StrategyInput) => Float64Array): SelectionStrategy {
  return { needs: [needs], select: (input, _rows, budget) => topRows(score(input), budget) };
}

/** Every strategy by name; all keep the contract of {@link SelectionStrategy}. */
export const STRATEGIES = {
  random: {
    needs: [],
    select: (_input, rows, budget, random) => sample(rows, budget, random),
  },
  entropy: byScore('probabilities', ({ probabilities }) => entropyScores(probabilities)),
  margin: byScore('probabilities', ({ probabilities }) => margins(probabilities).map((margin) => -margin)),
  'least-confidence': byScore('probabilities', ({ probabilities }) => leastConfidenceScores(probabilities)),
  'vote-entropy': byScore('members', ({ members }) => voteEntropy(members)),
  'consensus-divergence': byScore('members', ({ members }) => consensusDivergence(members)),
  'density-weighted': {
    needs: ['probabilities', 'embeddings'],
    select({ probabilities, embeddings }, _rows, budget) {
      const density = densities(embeddings);
      return topRows(
        entropyScores(probabilities).map((score, row) => score * density[row]!),
        budget,
      );
    },
  },
  'k-center': {
    needs: ['embeddings'],
    select: ({ embeddings }, _rows, budget) => kCenter(embeddings, [centralRow(embeddings)], budget).order,
  },
  mmr: {
    needs: ['probabilities', 'embeddings'],
    select({ probabilities, embeddings }, _rows, budget) {
      const most = Math.log(Math.max(2, probabilities.columns));
      const relevance = entropyScores(probabilities).map((score) => score / most);
      return maximalMarginalRelevance(embeddings, relevance, budget, MMR_LAMBDA).order;
    },
  },
  'facility-location': {
    needs: ['embeddings'],
    select({ embeddings }, rows, budget, random) {
      const facilities = sample(rows, Math.max(FACILITIES, 10 * budget), random).sort((a, b) => a - b);
      const clients = sample(rows, CLIENTS, random).sort((a, b) => a - b);
      return facilityLocation(facilities, clients, cosineSimilarity(embeddings), budget).order;
    },
  },
  'k-means-plus-plus': {
    needs: ['embeddings'],
    largestPool: LARGEST_FOR_SAMPLING,
    select: ({ embeddings }, rows, budget, random) =>
      filled(kMeansPlusPlus(rows, embeddingDistance(embeddings), budget, random.float).order, rows, budget),
  },
  badge: {
    needs: ['probabilities', 'embeddings'],
    largestPool: LARGEST_FOR_SAMPLING,
    select({ probabilities, embeddings }, rows, budget, random) {
      const distance = gradientDistance(gradientEmbedding(probabilities, embeddings));
      return filled(kMeansPlusPlus(rows, distance, budget, random.float).order, rows, budget);
    },
  },
} as const satisfies Record<string, SelectionStrategy>;

export type StrategyName = keyof typeof STRATEGIES;

/** `count` different rows below `rows` (all when there are fewer), each set as likely as any: Floyd's method. */
export function sample(rows: number, count: number, random: Stream): number[] {
  if (count >= rows) return random.shuffle(Array.from({ length: rows }, (_, row) => row));
  const chosen = new Set<number>();
  for (let last = rows - count; last < rows; last++) {
    const row = random.integer(last + 1);
    chosen.add(chosen.has(row) ? last : row);
  }
  return random.shuffle([...chosen]);
}

/** Rows that coincide with a pick fill the budget, lowest first. */
function filled(picks: readonly number[], rows: number, budget: number): number[] {
  const chosen = new Set(picks);
  for (let row = 0; row < rows && chosen.size < budget; row++) chosen.add(row);
  return [...chosen];
}
