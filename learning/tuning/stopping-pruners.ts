import { losses, lowest } from './percentile-pruner.js';
import { isFirstInInterval, type Pruner } from './pruner.js';
import { lastReport } from './study.js';

export interface ThresholdOptions {
  /** Values outside [lower, upper] are pruned. Default: no bound. */
  lower?: number;
  upper?: number;
  warmupSteps?: number;
  intervalSteps?: number;
}

/** Prunes a trial whose last report is outside fixed bounds or not a number, for example a loss that explodes. */
export function createThresholdPruner(options: ThresholdOptions): Pruner {
  const { lower = -Infinity, upper = Infinity, warmupSteps = 0, intervalSteps = 1 } = options;
  return {
    name: 'threshold',
    decide(study, number) {
      const trial = study.trials[number]!;
      const last = lastReport(trial);
      const judged =
        last !== undefined &&
        last.step >= warmupSteps &&
        isFirstInInterval(trial, last.step, warmupSteps, intervalSteps);
      return { prune: judged && (last.value === null || last.value < lower || last.value > upper), study };
    },
  };
}

export interface PatientOptions {
  /** Reports without improvement that are tolerated. */
  patience: number;
  /** Smallest change that counts as an improvement, in units of the objective. Default 0. */
  leastImprovement?: number;
  /** Asked once patience has run out; without it the trial is pruned at once. */
  inner?: Pruner;
}

/** Prunes a trial, or lets another pruner judge it, when its last reports are all worse than its earlier best. */
export function createPatientPruner({ patience, leastImprovement = 0, inner }: PatientOptions): Pruner {
  return {
    name: 'patient',
    decide(study, number) {
      const reports = [...study.trials[number]!.intermediate].sort((a, b) => a.step - b.step);
      if (reports.length <= patience + 1) return { prune: false, study };
      const before = lowest(losses(study, reports.slice(0, -patience - 1)));
      const after = lowest(losses(study, reports.slice(-patience - 1)));
      if (before === null || after === null || !(before + leastImprovement < after)) return { prune: false, study };
      return inner === undefined ? { prune: true, study } : inner.decide(study, number);
    },
  };
}
