import type { TrainingParameters } from '../../config/domain.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';
import { isInRange, SEARCH_SPACE, TUNED, type TunedParameter } from './search-space.js';

/** One finished trial of a study. */
export interface Trial {
  id: string;
  parameters: Partial<Pick<TrainingParameters, TunedParameter>>;
  /** Validation score, 0–100, higher is better; null when the trial failed or was pruned. */
  score: number | null;
}

export interface ParameterChoice {
  parameters: TrainingParameters;
  /** The trial they come from; null for the defaults. */
  trialId: string | null;
  score: number | null;
}

/** The parameters of the best finished trial (ties: the first by id) over the defaults, or the defaults alone. */
export function bestOrDefault(trials: readonly Trial[], defaults: TrainingParameters): ParameterChoice {
  let best: Trial | null = null;
  for (const trial of trials) {
    if (trial.score === null || !Number.isFinite(trial.score)) continue;
    const better = best === null || trial.score > best.score! || (trial.score === best.score && trial.id < best.id);
    if (better) best = trial;
  }
  if (best === null) return { parameters: defaults, trialId: null, score: null };
  return { parameters: { ...defaults, ...best.parameters }, trialId: best.id, score: best.score };
}

/** R14: the tuning stage chooses the best of three trials, and every bound of the search space lies in its range. */
export function selfTestTuning(defaults: TrainingParameters): SelfTestResult {
  const trials: Trial[] = [
    { id: 'a', parameters: { learningRate: 1e-4 }, score: 60 },
    { id: 'b', parameters: { learningRate: 2e-4 }, score: 80 },
    { id: 'c', parameters: { learningRate: 3e-4 }, score: null },
  ];
  return runChecks('HyperparameterOptimizer', {
    'without trials the defaults are used': () => bestOrDefault([], defaults).parameters === defaults,
    'the best finished trial wins': () => bestOrDefault(trials, defaults).parameters.learningRate === 2e-4,
    'what a trial leaves out stays as configured': () =>
      bestOrDefault(trials, defaults).parameters.loraRank === defaults.loraRank,
    'the search space holds its own bounds': () =>
      TUNED.every((name) => {
        const range = SEARCH_SPACE[name];
        return range.low < range.high && isInRange(range.low, range) && isInRange(range.high, range);
      }),
  });
}
