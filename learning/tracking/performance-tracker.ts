import type { ArtifactType, EvaluationRow } from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';
import { mean, slope } from '../statistics/descriptive.js';
import { splitTrainValidation, type Side, type SplitOptions, type Splittable } from './split.js';
import { summarizeEvaluation, type EvaluatedRow, type EvaluationHead } from './summarize-evaluation.js';

export interface PerformanceTrend {
  /** Oldest first, 0–100. */
  scores: number[];
  /** Points per evaluation over the last `window` evaluations. */
  slope: number;
  best: number | null;
  plateaued: boolean;
}

type TrackingSettings = Pick<LoopConfig['tracking'], 'validationRatio' | 'successThreshold' | 'patience'>;

/** Gain (points) that counts as an improvement when a plateau is looked for. */
const MINIMUM_GAIN = 0.5;
const TREND_WINDOW = 5;

/** The entry with the highest score; the earliest of equals; null for none. */
export function bestCheckpoint<T extends { score: number }>(entries: readonly T[]): T | null {
  return entries.reduce<T | null>((best, entry) => (best === null || entry.score > best.score ? entry : best), null);
}

/** True when the last `patience` scores brought no gain of `minimumGain` over the best before them. */
export function hasPlateaued(scores: readonly number[], patience: number, minimumGain = MINIMUM_GAIN): boolean {
  if (scores.length <= patience) return false;
  const before = Math.max(...scores.slice(0, -patience));
  return Math.max(...scores.slice(-patience)) < before + minimumGain;
}

/** R4: splits, measures and remembers how the loop does. Holds evaluations only; the store keeps them for good. */
export class PerformanceTracker {
  private readonly config: TrackingSettings;
  private readonly evaluations: EvaluationRow[];

  constructor(config: Partial<TrackingSettings> = {}, evaluations: readonly EvaluationRow[] = []) {
    this.config = { validationRatio: 0.2, successThreshold: 70, patience: 3, ...config };
    this.evaluations = [...evaluations];
  }

  /** See {@link splitTrainValidation}; the ratio is the configured one. */
  split(rows: readonly Splittable[], options: Omit<SplitOptions, 'ratio'>): Map<string, Side> {
    return splitTrainValidation(rows, { ...options, ratio: this.config.validationRatio });
  }

  /** Summarises an evaluation ({@link summarizeEvaluation}), remembers its rows and returns them. */
  recordEvaluation(rows: readonly EvaluatedRow[], head: EvaluationHead): EvaluationRow[] {
    const summary = summarizeEvaluation(rows, head, this.config.successThreshold);
    this.evaluations.push(...summary);
    return summary;
  }

  /** The validation scores of a type by round (rounds with several models: their mean), with slope and plateau. */
  getPerformanceTrend(
    artifactType: ArtifactType | 'all',
    split: EvaluationRow['split'] = 'validation',
  ): PerformanceTrend {
    const byRound = new Map<number, number[]>();
    for (const row of this.evaluations) {
      if (row.artifactType !== artifactType || row.split !== split) continue;
      byRound.set(row.round, [...(byRound.get(row.round) ?? []), row.score]);
    }
    const scores = [...byRound].sort(([a], [b]) => a - b).map(([, values]) => mean(values));
    return {
      scores,
      slope: slope(scores.slice(-TREND_WINDOW)),
      best: scores.length === 0 ? null : Math.max(...scores),
      plateaued: hasPlateaued(scores, this.config.patience),
    };
  }

  /** The evaluation of all types with the highest score on the split; the earliest of equals; null for none. */
  bestEvaluation(split: EvaluationRow['split'] = 'validation'): EvaluationRow | null {
    return bestCheckpoint(this.evaluations.filter((row) => row.artifactType === 'all' && row.split === split));
  }

  /** R14. Works on a tracker of its own. */
  selfTest(): SelfTestResult {
    const tracker = new PerformanceTracker(this.config);
    const rows = Array.from({ length: 20 }, (_, index): Splittable => {
      return { id: `e${index}`, artifactType: 'erd', input: `request ${index >> 1}` };
    });
    const sides = tracker.split(rows, { seed: 1 });
    const validation = rows.filter((row) => sides.get(row.id) === 'validation');
    const evaluated = [50, 90].map((score) => ({
      artifactType: 'erd' as const,
      score,
      edge: false,
      reward: 0,
      latencyMs: 1,
    }));
    const head = { loop: 'self-test', round: 1, model: 'base', split: 'validation' as const };
    const [all] = tracker.recordEvaluation(evaluated, head);
    return runChecks('PerformanceTracker', {
      'the split keeps its ratio': () => Math.abs(validation.length - this.config.validationRatio * 20) <= 1,
      'duplicates stay together': () =>
        rows.every((row, index) => sides.get(row.id) === sides.get(rows[index ^ 1]!.id)),
      'score is the mean': () => all?.score === 70,
      'the trend holds the score': () => tracker.getPerformanceTrend('erd').scores.join() === '70',
      'three flat evaluations are a plateau': () => hasPlateaued([80, 80, 80, 80], 3) && !hasPlateaued([70, 80, 90], 3),
    });
  }
}
