import type { Study, StudyTrial } from './study.js';

/** Whether a running trial should stop, and the study with what the pruner has to remember for later decisions. */
export interface PruningDecision {
  prune: boolean;
  study: Study;
}

/** Stops trials that look bad. It is asked after each report; a pruner without memory returns the study unchanged. */
export interface Pruner {
  readonly name: string;
  decide(study: Study, number: number): PruningDecision;
}

/** A pruner that never stops a trial. */
export function createNoPruner(): Pruner {
  return { name: 'none', decide: (study) => ({ prune: false, study }) };
}

/**
 * Whether the step is the first reported one in its interval of `interval` steps after the warm-up. Intervals count
 * from the warm-up, so that reports at uneven steps are judged at most once an interval.
 */
export function isFirstInInterval(trial: StudyTrial, step: number, warmup: number, interval: number): boolean {
  const start = Math.floor((step - warmup) / interval) * interval + warmup;
  return !trial.intermediate.some((entry) => entry.step !== step && entry.step >= start && entry.step >= 0);
}
