import { RatchetError } from '../../config/errors.js';
import { isInRange, type ParameterValues, type SearchSpace } from './search-space.js';

/** One run of the objective with one set of parameters. Plain data: it survives JSON, DuckDB and Temporal unchanged. */
export interface StudyTrial {
  /** 0, 1, 2 … in the order in which trials started. */
  number: number;
  parameters: ParameterValues;
  state: 'running' | 'complete' | 'pruned' | 'failed';
  /** The objective's final value; null unless complete. */
  value: number | null;
  /** What was reported while the trial ran, in the order of reporting; null stands for not a number. */
  intermediate: { step: number; value: number | null }[];
  /** Successive halving: the value with which the trial entered each rung. */
  rungs?: number[];
}

/** A search for the best parameters: everything a sampler or pruner needs to decide what comes next. */
export interface Study {
  name: string;
  direction: 'minimize' | 'maximize';
  space: SearchSpace;
  /** Every draw of a suggestion comes from the stream of (seed, sampler, trial number). */
  seed: number;
  trials: StudyTrial[];
  /** Steps that a pruner has worked out from the first complete trial; they hold for the rest of the study. */
  resources?: { least?: number; most?: number };
}

/** A study without trials. */
export function createStudy(options: Omit<Study, 'trials' | 'seed' | 'direction'> & Partial<Study>): Study {
  return { direction: 'maximize', seed: 0, trials: [], ...options };
}

/**
 * A study with one more running trial.
 *
 * @throws RatchetError `E_DATA_INVALID` when a value is outside the search space
 */
export function startTrial(study: Study, parameters: ParameterValues): Study {
  for (const [name, range] of Object.entries(study.space)) {
    const value = parameters[name];
    if (value !== undefined && isInRange(value, range)) continue;
    throw new RatchetError('E_DATA_INVALID', `Study ${study.name}: ${name} = ${value} is outside its range.`, {
      hint: `Use ${range.integer ? 'an integer' : 'a number'} from ${range.low} to ${range.high}.`,
    });
  }
  const number = study.trials.length;
  const trial: StudyTrial = { number, parameters, state: 'running', value: null, intermediate: [] };
  return { ...study, trials: [...study.trials, trial] };
}

/**
 * A study in which the running trial has reported a value at a step. NaN and infinities are kept as null. Of several
 * reports at one step the first stays, as in Optuna: pruners have judged it.
 */
export function reportValue(study: Study, number: number, step: number, value: number): Study {
  const report = { step, value: Number.isFinite(value) ? value : null };
  return change(study, number, (trial) => ({
    ...trial,
    intermediate: trial.intermediate.some((entry) => entry.step === step)
      ? trial.intermediate
      : [...trial.intermediate, report],
  }));
}

/** A study in which the running trial has ended. A value that is not finite means that the trial failed. */
export function finishTrial(study: Study, number: number, outcome: { value: number } | 'pruned' | 'failed'): Study {
  return change(study, number, (trial) => {
    if (typeof outcome === 'string') return { ...trial, state: outcome };
    return Number.isFinite(outcome.value)
      ? { ...trial, state: 'complete', value: outcome.value }
      : { ...trial, state: 'failed' };
  });
}

/** A study in which a trial that was stopped runs again, with what it had reported. */
export function resumeTrial(study: Study, number: number): Study {
  const trial = study.trials[number];
  if (trial?.state !== 'pruned') {
    throw new RatchetError('E_NOT_FOUND', `Study ${study.name} has no stopped trial ${number}.`, {
      hint: 'Only a trial that was pruned can go on.',
    });
  }
  return { ...study, trials: study.trials.with(number, { ...trial, state: 'running' }) };
}

/** The complete trial with the best value, the first of equals; null when none is complete. */
export function bestTrial(study: Study): StudyTrial | null {
  let best: StudyTrial | null = null;
  for (const trial of study.trials) {
    if (trial.state === 'complete' && (best === null || loss(study, trial.value!) < loss(study, best.value!))) {
      best = trial;
    }
  }
  return best;
}

/** The value with its sign turned so that less is better. */
export function loss(study: Pick<Study, 'direction'>, value: number): number {
  return study.direction === 'minimize' ? value : -value;
}

/** The latest report by step; undefined before the first. */
export function lastReport(trial: StudyTrial): { step: number; value: number | null } | undefined {
  let last: { step: number; value: number | null } | undefined;
  for (const entry of trial.intermediate) if (last === undefined || entry.step > last.step) last = entry;
  return last;
}

function change(study: Study, number: number, edit: (trial: StudyTrial) => StudyTrial): Study {
  const trial = study.trials[number];
  if (trial === undefined || trial.number !== number || trial.state !== 'running') {
    throw new RatchetError('E_NOT_FOUND', `Study ${study.name} has no running trial ${number}.`, {
      hint: 'A trial can report and finish only once it was started and before it ended.',
    });
  }
  return { ...study, trials: study.trials.with(number, edit(trial)) };
}
