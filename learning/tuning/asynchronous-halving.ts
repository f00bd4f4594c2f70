import type { ParameterValues } from './search-space.js';
import { proposeTrials, type PlannedStudy } from './plan-study.js';
import type { Sampler } from './sampler.js';
import { lastReport, loss, resumeTrial, type Study, type StudyTrial } from './study.js';

/** A training of a trial with a schedule of its own, so that its learning rate has fallen to its end when it is judged. */
export interface TrialPart {
  number: number;
  /** The trial's; `numEpochs` are those of this training. */
  parameters: ParameterValues;
  /** Whether it waits for the others then; else it has come to its end. */
  waits: boolean;
}

/** One in so many trials goes on from a rung, for so many times its epochs: 1, 5, 25 … (how it was chosen: docs/log.md). */
const REDUCTION_FACTOR = 5;

/**
 * The next `count` trainings, and the study with their trials running; fewer when nothing is left to do beside what runs,
 * none at the end. Asynchronous successive halving with promotions (Li et al. 2020, "A system for massively parallel
 * hyperparameter tuning", algorithm 2): a trial waits at each rung, in state `pruned`, and goes on once it belongs to the
 * best fifth of all that have come as far, however late those come. Where the algorithm differs:
 *
 * - Who goes on trains anew, with a schedule of its own: the beginning of a longer training, its learning rate still high or
 *   warming up, says less of how that ends than a short one that has ended (docs/log.md).
 * - The lowest rung goes first, and before it new trials, up to `trials`: their number is known, so that nobody idles, and
 *   where a search keeps getting better nearly every trial would be promoted among those before it.
 */
export function nextParts(
  { study, queue }: PlannedStudy,
  sampler: Sampler,
  { trials, count }: { trials: number; count: number },
): { study: Study; parts: TrialPart[] } {
  const parts: TrialPart[] = [];
  let next = study;
  while (parts.length < count) {
    const isNew = next.trials.length < trials;
    if (isNew) next = proposeTrials({ study: next, queue }, byShortTrainings(sampler), 1).study;
    const trial = isNew ? next.trials.at(-1)! : promotable(next);
    if (trial === null) break;
    if (!isNew) next = resumeTrial(next, trial.number);
    const { number, parameters } = trial;
    const [epochs, numEpochs] = [nextEpochs(trial), parameters.numEpochs!];
    parts.push({ number, parameters: { ...parameters, numEpochs: epochs }, waits: epochs < numEpochs });
  }
  return { study: next, parts };
}

/** A sampler for which trials that wait are complete: while new ones are proposed nobody has come further than they. */
function byShortTrainings({ name, suggest }: Sampler): Sampler {
  const asComplete = (trial: StudyTrial): StudyTrial => {
    const value = isWaiting(trial) ? lastReport(trial)!.value : null;
    return value === null ? trial : { ...trial, state: 'complete', value };
  };
  return { name, suggest: (study, number) => suggest({ ...study, trials: study.trials.map(asComplete) }, number) };
}

/** The best waiting trial among the best fifth of those that have reached its rung, at the lowest rung that has one. */
function promotable(study: Study): StudyTrial | null {
  const waiting = study.trials.filter(isWaiting);
  const highest = Math.max(0, ...waiting.map(epochOf));
  for (let rung = 1; rung <= highest; rung *= REDUCTION_FACTOR) {
    const reached = study.trials.filter((trial) => trial.state !== 'failed' && valueAt(trial, rung) !== undefined);
    const best = sortByValue(study, reached, rung).slice(0, Math.ceil(reached.length / REDUCTION_FACTOR));
    const first = best.find((trial) => isWaiting(trial) && epochOf(trial) === rung);
    if (first !== undefined) return first;
  }
  return null;
}

const isWaiting = (trial: StudyTrial): boolean => trial.state === 'pruned' && epochOf(trial) > 0;
const epochOf = (trial: StudyTrial): number => lastReport(trial)?.step ?? 0;

/** Epochs of a trial's next training: the next rung's, or all where no other rung would come after it. */
function nextEpochs(trial: StudyTrial): number {
  const next = Math.max(1, epochOf(trial) * REDUCTION_FACTOR);
  const all = trial.parameters.numEpochs!;
  return next === 1 || next * REDUCTION_FACTOR <= all ? next : all;
}

const valueAt = (trial: StudyTrial, epoch: number): number | null | undefined =>
  trial.intermediate.find(({ step }) => step === epoch)?.value;

/** By the value reported at an epoch, the earlier of equals first; what is not a number comes last. */
function sortByValue(study: Study, trials: readonly StudyTrial[], epoch: number): StudyTrial[] {
  const lossOf = (trial: StudyTrial) => {
    const value = valueAt(trial, epoch);
    return typeof value === 'number' ? loss(study, value) : Infinity;
  };
  return trials.toSorted((a, b) => {
    const [first, second] = [lossOf(a), lossOf(b)];
    return first === second ? a.number - b.number : first - second;
  });
}
