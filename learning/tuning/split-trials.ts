import { lastReport, loss, type Study, type StudyTrial } from './study.js';

/** How many of n finished trials count as good: ⌈n/10⌉, at most 25 (Optuna's `default_gamma`). */
export function goodTrialCount(n: number): number {
  return Math.min(Math.ceil(0.1 * n), 25);
}

/**
 * Weights of n observations, oldest first: 1 for the newest 25, the older ones on a ramp from 1/n to 1 (Bergstra et al.
 * 2013, "Making a science of model search"; Optuna's `default_weights`).
 */
export function observationWeights(n: number): number[] {
  const ramp = Math.max(0, n - 25);
  return Array.from({ length: n }, (_, index) => {
    if (index >= ramp) return 1;
    return ramp === 1 ? 1 / n : 1 / n + ((1 - 1 / n) * index) / (ramp - 1);
  });
}

/**
 * The trials that count as good and the rest, both by number. Complete trials come first by value, then pruned ones:
 * those that got furthest, then those with the better last value, then those without any report. Ties keep the order of
 * the trials. Running trials belong to the rest, so that parallel trials keep apart (constant liar).
 */
export function splitTrials(study: Study, goodCount: number): { good: StudyTrial[]; rest: StudyTrial[] } {
  const complete = study.trials.filter((trial) => trial.state === 'complete');
  const pruned = study.trials.filter((trial) => trial.state === 'pruned');
  const running = study.trials.filter((trial) => trial.state === 'running');
  complete.sort((a, b) => loss(study, a.value!) - loss(study, b.value!));
  const ranks = new Map(pruned.map((trial) => [trial, prunedRank(study, trial)]));
  pruned.sort((a, b) => {
    const [left, right] = [ranks.get(a)!, ranks.get(b)!];
    return left[0] - right[0] || compare(left[1], right[1]);
  });
  const ranked = [...complete, ...pruned];
  const byNumber = (a: StudyTrial, b: StudyTrial) => a.number - b.number;
  return {
    good: ranked.slice(0, goodCount).sort(byNumber),
    rest: [...ranked.slice(goodCount), ...running].sort(byNumber),
  };
}

function prunedRank(study: Study, trial: StudyTrial): [step: number, loss: number] {
  const last = lastReport(trial);
  if (last === undefined) return [1, 0];
  return [-last.step, last.value === null ? Infinity : loss(study, last.value)];
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
