import type { ArtifactType, SelectionRow } from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';
import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';
import { proportionalQuotas } from './quotas.js';
import { similarityIndex } from './vector-index.js';

export interface SelectionCandidate {
  eventId: string;
  artifactType: ArtifactType;
  /** What diversity is measured on: the request. */
  text: string;
  /** 0–1, see `uncertaintyOf`. */
  uncertainty: number;
  /** Trust in the label, 0–1, see `labelTrust`. */
  quality: number;
  /** The request's embedding; used in place of its words where every candidate has one. */
  vector?: readonly number[];
  /** How each model of an ensemble answers the request, for the strategies that look at their disagreement. */
  votes?: readonly string[];
  /** Keys of things only one of which is worth choosing (a specification's hash): sharing one means diversity 0. */
  groups?: readonly string[];
}

export type SelectionWeights = Pick<LoopConfig['selection'], 'uncertainty' | 'diversity' | 'quality'>;

export interface SelectionOptions {
  /** How many are chosen; default 30. */
  budget?: number;
  weights?: Partial<SelectionWeights>;
  /**
   * How many of each artifact type: `proportional` (default) to the candidates with a floor of half an equal share,
   * `none`, or numbers (a type not named gets none).
   */
  quotas?: 'proportional' | 'none' | Partial<Record<ArtifactType, number>>;
}

export interface Selection<T extends SelectionCandidate> {
  /** In the order of choice. */
  selected: T[];
  /** One row a candidate: the chosen ones in order of choice, then the others by score. */
  metadata: SelectionRow[];
}

const DEFAULT_BUDGET = 30;
const DEFAULT_WEIGHTS: SelectionWeights = { uncertainty: 0.4, diversity: 0.3, quality: 0.3 };

/**
 * R6: chooses the examples worth learning from. Greedy farthest-first: each step takes the candidate with the largest
 * `w_u·uncertainty + w_d·diversity + w_q·quality`, where diversity is 1 − the largest Jaccard similarity (words and
 * word pairs; or the cosine of embeddings) to what is already chosen, 1 for the first. The reported diversity and score are those of the moment of
 * choice; for the others, those at the end. The result does not depend on the order of the candidates; ties by id.
 */
export class ActiveLearner {
  private readonly defaults: SelectionOptions;

  constructor(defaults: SelectionOptions = {}) {
    this.defaults = defaults;
  }

  /** @throws RatchetError E_DATA_INVALID when an id occurs twice or a part is outside 0–1. */
  selectInformativeExamples<T extends SelectionCandidate>(
    candidates: readonly T[],
    options: SelectionOptions = {},
  ): Selection<T> {
    const { budget = DEFAULT_BUDGET, quotas = 'proportional' } = { ...this.defaults, ...options };
    const weights = { ...DEFAULT_WEIGHTS, ...this.defaults.weights, ...options.weights };
    const rows = sortedById(candidates);
    const left = quotasFor(rows, budget, quotas);
    const index = similarityIndex(rows);
    const nearest = new Float64Array(rows.length);
    const scoreOf = (row: number) =>
      weights.uncertainty * rows[row]!.uncertainty +
      weights.diversity * (1 - nearest[row]!) +
      weights.quality * rows[row]!.quality;
    const chosen: number[] = [];
    const describe = (row: number, rank: number, selected: boolean): SelectionRow => {
      const { eventId, artifactType, uncertainty, quality } = rows[row]!;
      const diversity = 1 - nearest[row]!;
      return { eventId, artifactType, rank, selected, uncertainty, diversity, quality, score: scoreOf(row) };
    };
    const metadata: SelectionRow[] = [];
    const open = new Set(rows.keys());
    while (chosen.length < budget) {
      let best = -1;
      let bestScore = -Infinity;
      for (const row of open) {
        if (left[rows[row]!.artifactType] === 0) continue;
        const score = scoreOf(row);
        if (score > bestScore) [best, bestScore] = [row, score];
      }
      if (best === -1) break;
      chosen.push(best);
      metadata.push(describe(best, chosen.length, true));
      open.delete(best);
      left[rows[best]!.artifactType]!--;
      index.similaritiesTo(best).forEach((similarity, row) => {
        const alike = sharesGroup(rows[best]!, rows[row]!) ? 1 : similarity;
        if (alike > nearest[row]!) nearest[row] = alike;
      });
    }
    const others = [...open].map((row) => describe(row, 0, false)).sort((a, b) => b.score - a.score);
    others.forEach((row, place) => (row.rank = chosen.length + place + 1));
    return { selected: chosen.map((row) => rows[row]!), metadata: [...metadata, ...others] };
  }

  /** R14. */
  selfTest(): SelfTestResult {
    const candidate = (eventId: string, text: string, uncertainty: number): SelectionCandidate => ({
      eventId,
      artifactType: 'erd',
      text,
      uncertainty,
      quality: 1,
    });
    const pool = [
      candidate('a', 'customer places orders with a total', 0.9),
      candidate('b', 'customer places orders with a total', 0.9),
      candidate('c', 'pilot flies planes', 0.9),
      candidate('d', 'nurse treats patients', 0.1),
    ];
    const weights = { uncertainty: 0.4, diversity: 0.3, quality: 0.3 };
    const ids = this.selectInformativeExamples(pool, { budget: 2, weights, quotas: 'none' }).selected.map(
      (row) => row.eventId,
    );
    const { metadata } = this.selectInformativeExamples(pool, { budget: 2, weights, quotas: 'none' });
    return runChecks('ActiveLearner', {
      'a duplicate loses against another uncertain request': () => ids.join() === 'a,c',
      'the parts add up to the score': () =>
        metadata.every(
          (row) => Math.abs(0.4 * row.uncertainty + 0.3 * row.diversity + 0.3 * row.quality - row.score) < 1e-12,
        ),
    });
  }
}

/**
 * The baseline: a seeded uniform draw without quotas. Parts are reported as in {@link ActiveLearner} but decide
 * nothing. The draw does not depend on the order of the candidates.
 */
export function selectRandom<T extends SelectionCandidate>(
  candidates: readonly T[],
  options: { budget?: number; seed: number },
): Selection<T> {
  const rows = stream(options.seed, 'selection', 'random').shuffle(sortedById(candidates));
  return describeRows(rows, Math.min(options.budget ?? DEFAULT_BUDGET, rows.length), DEFAULT_WEIGHTS);
}

/**
 * A choice made elsewhere with its parts, reported as in {@link ActiveLearner}; they decide nothing.
 * @param chosen ids of candidates, best first; the others follow by id
 */
export function describeSelection<T extends SelectionCandidate>(
  candidates: readonly T[],
  chosen: readonly string[],
  weights: SelectionWeights,
): Selection<T> {
  const rows = sortedById(candidates);
  const byId = new Map(rows.map((row) => [row.eventId, row]));
  const isChosen = new Set(chosen);
  const others = rows.filter((row) => !isChosen.has(row.eventId));
  return describeRows([...chosen.map((id) => byId.get(id)!), ...others], chosen.length, weights);
}

/** The first `count` rows as chosen in this order. */
function describeRows<T extends SelectionCandidate>(
  rows: readonly T[],
  count: number,
  weights: SelectionWeights,
): Selection<T> {
  const index = similarityIndex(rows);
  const nearest = new Float64Array(rows.length);
  const metadata = rows.map((row, position): SelectionRow => {
    const diversity = 1 - nearest[position]!;
    const selected = position < count;
    if (selected) {
      index.similaritiesTo(position).forEach((similarity, other) => {
        if (similarity > nearest[other]!) nearest[other] = similarity;
      });
    }
    const { eventId, artifactType, uncertainty, quality } = row;
    const score = weights.uncertainty * uncertainty + weights.diversity * diversity + weights.quality * quality;
    return { eventId, artifactType, rank: position + 1, selected, uncertainty, diversity, quality, score };
  });
  return { selected: rows.slice(0, count), metadata };
}

function sharesGroup(first: SelectionCandidate, second: SelectionCandidate): boolean {
  return (
    first.groups !== undefined && second.groups !== undefined && first.groups.some((g) => second.groups!.includes(g))
  );
}

function quotasFor(
  rows: readonly SelectionCandidate[],
  budget: number,
  quotas: NonNullable<SelectionOptions['quotas']>,
): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const row of rows) sizes[row.artifactType] = (sizes[row.artifactType] ?? 0) + 1;
  if (quotas === 'none') return Object.fromEntries(Object.keys(sizes).map((type) => [type, Infinity]));
  if (quotas === 'proportional') return proportionalQuotas(sizes, budget);
  return Object.fromEntries(Object.keys(sizes).map((type) => [type, quotas[type as ArtifactType] ?? 0]));
}

function sortedById<T extends SelectionCandidate>(candidates: readonly T[]): T[] {
  const rows = [...candidates].sort((a, b) => (a.eventId < b.eventId ? -1 : 1));
  rows.forEach((row, position) => {
    const { eventId, uncertainty, quality } = row;
    if (rows[position + 1]?.eventId === eventId) {
      throw new RatchetError('E_DATA_INVALID', `selection: event ${eventId} is a candidate twice`, {
        hint: 'Give every event once; the loader ignores repeated ids.',
      });
    }
    for (const [part, value] of Object.entries({ uncertainty, quality })) {
      if (value >= 0 && value <= 1) continue;
      throw new RatchetError('E_DATA_INVALID', `selection: ${part} of event ${eventId} is ${value}, outside 0 … 1`, {
        hint: 'Divide scores of 0–100 by 100.',
      });
    }
  });
  return rows;
}
