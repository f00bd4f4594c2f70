import type { ArtifactType, EvaluationRow } from '../../config/domain.js';
import { mean, median } from '../statistics/descriptive.js';

/** How one held-out request went. */
export interface EvaluatedRow {
  artifactType: ArtifactType;
  /** 0–100. */
  score: number;
  /** Belongs to the frozen edge-case slice. */
  edge: boolean;
  /** −1 … 1. */
  reward: number;
  latencyMs: number;
}

export type EvaluationHead = Pick<EvaluationRow, 'loop' | 'round' | 'model' | 'split'>;

/**
 * One row for all requests and one a type that occurs (by name). Scores, edge scores and rewards are means, latency is
 * the median; a success is a score ≥ `successThreshold`. A slice without requests has the values 0.
 */
export function summarizeEvaluation(
  rows: readonly EvaluatedRow[],
  head: EvaluationHead,
  successThreshold = 70,
): EvaluationRow[] {
  const types = [...new Set(rows.map((row) => row.artifactType))].sort();
  return (['all', ...types] as const).map((type): EvaluationRow => {
    const slice = type === 'all' ? rows : rows.filter((row) => row.artifactType === type);
    const edge = slice.filter((row) => row.edge);
    const successRate = (part: readonly EvaluatedRow[]) =>
      meanOrZero(part.map((row) => (row.score >= successThreshold ? 1 : 0)));
    return {
      id: `${head.loop}/round-${head.round}/${head.model}/${head.split}/${type}`,
      ...head,
      artifactType: type,
      n: slice.length,
      score: meanOrZero(slice.map((row) => row.score)),
      successRate: successRate(slice),
      edgeScore: meanOrZero(edge.map((row) => row.score)),
      edgeSuccessRate: successRate(edge),
      meanReward: meanOrZero(slice.map((row) => row.reward)),
      latencyMs: slice.length === 0 ? 0 : median(slice.map((row) => row.latencyMs)),
    };
  });
}

function meanOrZero(values: readonly number[]): number {
  return values.length === 0 ? 0 : mean(values);
}
