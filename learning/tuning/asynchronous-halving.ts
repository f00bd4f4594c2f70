import type { ParameterValues } from './search-space.js';
import { proposeTrials, type PlannedStudy } from './plan-study.js';
import type { Sampler } from './sampler.js';
import { lastReport, loss, resumeTrial, type Study, type StudyTrial } from './study.js';

/** A part of a trial: from where it waits to an epoch, or to its end (null). */
export interface TrialPart {
  number: number;
  parameters: ParameterValues;
  untilEpoch: number | null;
}

/** One in so many trials goes on from a rung; rungs are the epochs 1, 2, 4 … */
const REDUCTION_FACTOR = 2;

/**
 * The next `count` parts of trials to train, and the study with their trials running; fewer when nothing is left to do
 * beside what runs, none at the end. Asynchronous successive halving with promotions (Li et al. 2020, "A system for
 * massively parallel hyperparameter tuning", algorithm 2): a trial waits at each rung, in state `pruned`, and goes on once
 * it belongs to the better half of all that have come as far, however late those come. The highest rung goes first; where
 * nobody may go on a new trial begins, up to `trials`. Should no trial come to its end so, the furthest and best one does.
 */
export function nextParts(
  { study, queue }: PlannedStudy,
  sampler: Sampler,
  { trials, count }: { trials: number; count: number },
): { study: Study; parts: TrialPart[] } {
  const parts: TrialPart[] = [];
  let next = study;
  while (parts.length < count) {
    const waiting = promotable(next);
    const isNew = waiting === null && next.trials.length < trials;
    if (isNew) next = proposeTrials({ study: next, queue }, sampler, 1).study;
    const trial = isNew ? next.trials.at(-1)! : (waiting ?? lastHope(next));
    if (trial === null) break;
    if (!isNew) next = resumeTrial(next, trial.number);
    const { number, parameters } = trial;
    parts.push({ number, parameters, untilEpoch: nextRung(trial) });
  }
  return { study: next, parts };
}

/** The best waiting trial among the better half of those that have reached its rung, at the highest rung that has one. */
function promotable(study: Study): StudyTrial | null {
  const highest = Math.max(0, ...study.trials.filter(isWaiting).map(epochOf));
  for (let rung = highest; rung >= 1; rung /= REDUCTION_FACTOR) {
    const reached = study.trials.filter((trial) => valueAt(trial, rung) !== undefined);
    const better = best(study, reached, rung).slice(0, Math.floor(reached.length / REDUCTION_FACTOR));
    const first = better.find((trial) => isWaiting(trial) && epochOf(trial) === rung);
    if (first !== undefined) return first;
  }
  return null;
}

/** The best at the highest rung, when no trial is complete and none runs. */
function lastHope(study: Study): StudyTrial | null {
  if (study.trials.some(({ state }) => state === 'complete' || state === 'running')) return null;
  const waiting = study.trials.filter(isWaiting);
  const highest = Math.max(0, ...waiting.map(epochOf));
  const furthest = waiting.filter((trial) => epochOf(trial) === highest);
  return best(study, furthest, highest)[0] ?? null;
}

const isWaiting = (trial: StudyTrial): boolean => trial.state === 'pruned' && epochOf(trial) > 0;
const epochOf = (trial: StudyTrial): number => lastReport(trial)?.step ?? 0;

/** The next epoch at which a trial waits; null: it goes to its end. */
function nextRung(trial: StudyTrial): number | null {
  const next = Math.max(1, epochOf(trial) * REDUCTION_FACTOR);
  return next < trial.parameters.numEpochs! ? next : null;
}

const valueAt = (trial: StudyTrial, epoch: number): number | null | undefined =>
  trial.intermediate.find(({ step }) => step === epoch)?.value;

/** By the value reported at an epoch, the earlier of equals first; what is not a number comes last. */
function best(study: Study, trials: readonly StudyTrial[], epoch: number): StudyTrial[] {
  const lossOf = (trial: StudyTrial) => {
    const value = valueAt(trial, epoch);
    return typeof value === 'number' ? loss(study, value) : Infinity;
  };
  return trials.toSorted((a, b) => {
    const [first, second] = [lossOf(a), lossOf(b)];
    return first === second ? a.number - b.number : first - second;
  });
}
