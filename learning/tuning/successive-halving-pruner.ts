import type { Pruner, PruningDecision } from './pruner.js';
import { lastReport, loss, type Study, type StudyTrial } from './study.js';

export interface SuccessiveHalvingOptions {
  /** Step of the first rung; default a hundredth of the first complete trial's steps, at least 1. */
  leastResource?: number;
  /** Each rung is this many times further, and about one in this many trials passes it. Default 4. */
  reductionFactor?: number;
  /** Rungs that are skipped at the bottom. Default 0. */
  earlyStoppingRate?: number;
  /** A trial that enters a rung with at most this many trials in it is pruned. Default 0. */
  bootstrapCount?: number;
}

/**
 * Asynchronous successive halving (Li et al. 2020, "A system for massively parallel hyperparameter tuning"): a trial
 * that reaches a rung goes on when it is among the best 1/η of those that have reached it so far. No trial waits for
 * another; the first η − 1 trials of a rung must be its best.
 */
export function createSuccessiveHalvingPruner(options: SuccessiveHalvingOptions = {}): Pruner {
  return {
    name: 'successive-halving',
    decide: (study, number) => decideAmong(study, number, () => true, options),
  };
}

/** The decision when only the trials of one bracket compete. */
export function decideAmong(
  study: Study,
  number: number,
  competes: (trial: StudyTrial) => boolean,
  options: SuccessiveHalvingOptions,
): PruningDecision {
  const { reductionFactor = 4, earlyStoppingRate = 0, bootstrapCount = 0 } = options;
  const report = lastReport(study.trials[number]!);
  if (report === undefined) return { prune: false, study };
  const least = options.leastResource ?? study.resources?.least ?? estimateLeastResource(study);
  if (least === null) return { prune: false, study };
  let changed = options.leastResource === undefined ? { ...study, resources: { ...study.resources, least } } : study;
  for (;;) {
    const rungs = changed.trials[number]!.rungs ?? [];
    const rung = rungs.length;
    if (report.step < least * reductionFactor ** (earlyStoppingRate + rung)) return { prune: false, study: changed };
    const { value } = report;
    if (value === null) return { prune: true, study: changed };
    const rivals = changed.trials.filter((trial) => trial.number !== number && competes(trial));
    const values = [...rivals.flatMap((trial) => trial.rungs?.[rung] ?? []), value];
    changed = {
      ...changed,
      trials: changed.trials.with(number, { ...changed.trials[number]!, rungs: [...rungs, value] }),
    };
    if (values.length <= bootstrapCount) return { prune: true, study: changed };
    const ranked = values.map((other) => loss(study, other)).sort((a, b) => a - b);
    const lastPromoted = Math.max(0, Math.floor(ranked.length / reductionFactor) - 1);
    if (loss(study, value) > ranked[lastPromoted]!) return { prune: true, study: changed };
  }
}

/** A hundredth of the longest complete trial, at least 1; null before the first one. */
function estimateLeastResource(study: Study): number | null {
  const steps = completeSteps(study);
  return steps.length === 0 ? null : Math.max(Math.floor(Math.max(...steps) / 100), 1);
}

/** The last step of each complete trial that has reported. */
export function completeSteps(study: Study): number[] {
  return study.trials.flatMap((trial) => (trial.state === 'complete' ? (lastReport(trial)?.step ?? []) : []));
}
