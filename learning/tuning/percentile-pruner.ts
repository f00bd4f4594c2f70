import { isFirstInInterval, type Pruner } from './pruner.js';
import { lastReport, loss, type Study } from './study.js';

export interface PercentileOptions {
  /** The share of trials at a step, in percent, that may go on. */
  percentile: number;
  /** Complete trials before any is pruned. Default 5. */
  startupTrials?: number;
  /** Steps of each trial that are never judged. Default 0. */
  warmupSteps?: number;
  /** Steps between judgements. Default 1. */
  intervalSteps?: number;
  /** Complete trials that must have reported at the step. Default 1. */
  leastReports?: number;
}

/**
 * Prunes a trial whose best report so far is worse than the percentile of the complete trials' reports at the same step
 * (Golovin et al. 2017, "Google Vizier", median stopping; Optuna's `PercentilePruner`).
 */
export function createPercentilePruner(options: PercentileOptions): Pruner {
  const { percentile, startupTrials = 5, warmupSteps = 0, intervalSteps = 1, leastReports = 1 } = options;
  return {
    name: `percentile-${percentile}`,
    decide(study, number) {
      const trial = study.trials[number]!;
      const step = lastReport(trial)?.step;
      const complete = study.trials.filter(({ state }) => state === 'complete');
      const judged =
        step !== undefined &&
        complete.length > 0 &&
        complete.length >= startupTrials &&
        step >= warmupSteps &&
        isFirstInInterval(trial, step, warmupSteps, intervalSteps);
      if (!judged) return { prune: false, study };
      const reports = complete.flatMap((other) => other.intermediate.filter((entry) => entry.step === step));
      const own = lowest(losses(study, trial.intermediate));
      if (own === null) return { prune: true, study };
      // The values themselves, not their losses: the reference rounds between them, and ties decide.
      const known = reports.flatMap(({ value }) => value ?? []);
      if (reports.length < leastReports || known.length === 0) return { prune: false, study };
      const limit = percentileOf(known, study.direction === 'minimize' ? percentile : 100 - percentile);
      return { prune: own > loss(study, limit), study };
    },
  };
}

/** The percentile pruner at 50: the median stopping rule. */
export function createMedianPruner(options: Omit<PercentileOptions, 'percentile'> = {}): Pruner {
  return { ...createPercentilePruner({ ...options, percentile: 50 }), name: 'median' };
}

/** Losses of the reports that are numbers. */
export function losses(study: Study, reports: readonly { value: number | null }[]): number[] {
  return reports.flatMap(({ value }) => (value === null ? [] : [loss(study, value)]));
}

/** The smallest of the values, or null without any. */
export function lowest(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.min(...values);
}

/** Percentile with linear interpolation, rounded as numpy's `lerp` does: ties decide whether a trial is pruned. */
function percentileOf(values: readonly number[], percentile: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * (percentile / 100);
  const below = Math.floor(place);
  const share = place - below;
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  return share >= 0.5 ? high - (high - low) * (1 - share) : low + (high - low) * share;
}
