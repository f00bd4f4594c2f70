import { stream, type Stream } from '../../config/random.js';
import { drawFromKernel, fitParzenEstimator, logDensities } from './parzen-estimator.js';
import { createRandomSampler } from './random-sampler.js';
import type { Sampler } from './sampler.js';
import type { ParameterValues, SearchSpace } from './search-space.js';
import { goodTrialCount, splitTrials } from './split-trials.js';
import type { StudyTrial } from './study.js';

export interface TpeOptions {
  /** Random trials before the first estimate. Default 10. */
  startupTrials?: number;
  /** Candidates drawn for one suggestion. Default 24. */
  candidates?: number;
  /** One joint density over all parameters (default), or one for each parameter. */
  multivariate?: boolean;
}

/**
 * Tree-structured Parzen estimator (Bergstra et al. 2011) as Optuna 5 defines it: candidates drawn from the density of
 * the good trials, of which the one with the largest ratio to the density of the rest is taken. A range of one value has
 * no density and is left out of it.
 */
export function createTpeSampler(options: TpeOptions = {}): Sampler {
  const { startupTrials = 10, candidates = 24, multivariate = true } = options;
  const random = createRandomSampler();
  return {
    name: multivariate ? 'tpe' : 'tpe-univariate',
    suggest(study, number) {
      const finished = study.trials.filter(({ state }) => state === 'complete' || state === 'pruned').length;
      if (finished < startupTrials) return random.suggest(study, number);
      const { good, rest } = splitTrials(study, goodTrialCount(finished));
      const draws = stream(study.seed, 'tuning', this.name, study.name, number);
      const searched = Object.entries(study.space).filter(([, { low, high }]) => low < high);
      const spaces = multivariate ? [searched] : searched.map((dimension) => [dimension]);
      const values = spaces.map((space) => suggestWithin(Object.fromEntries(space), good, rest, candidates, draws));
      const fixed = Object.entries(study.space).map(([name, { low }]): [string, number] => [name, low]);
      return Object.assign(Object.fromEntries(fixed), ...values) as ParameterValues;
    },
  };
}

function suggestWithin(
  space: SearchSpace,
  good: readonly StudyTrial[],
  rest: readonly StudyTrial[],
  count: number,
  draws: Stream,
): ParameterValues {
  const parameters = (trials: readonly StudyTrial[]) => trials.map((trial) => trial.parameters);
  const below = fitParzenEstimator(parameters(good), space);
  const above = fitParzenEstimator(parameters(rest), space);
  const kernels = below.weights.map((_, index) => index);
  const candidates = Array.from({ length: count }, () => {
    const kernel = draws.weighted(kernels, below.weights);
    return drawFromKernel(
      below,
      kernel,
      Object.keys(space).map(() => draws.float()),
    );
  });
  return candidates[bestCandidate(logDensities(below, candidates), logDensities(above, candidates))]!;
}

/** The first candidate with the largest log l − log g, the logarithm of TPE's expected improvement up to a constant. */
export function bestCandidate(logGood: readonly number[], logRest: readonly number[]): number {
  let best = 0;
  logGood.forEach((value, index) => {
    if (value - logRest[index]! > logGood[best]! - logRest[best]!) best = index;
  });
  return best;
}
