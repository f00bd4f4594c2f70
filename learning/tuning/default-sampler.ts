import { createGaussianProcessSampler } from './gaussian-process-sampler.js';
import type { Sampler } from './sampler.js';
import { createTpeSampler } from './tpe-sampler.js';

/** Trials from which on the Gaussian process, whose cost grows with their cube, gives way to TPE. */
const MOST_GAUSSIAN_PROCESS_TRIALS = 100;

/**
 * The sampler that is used unless one is named: the Gaussian process, which needs the fewest trials (see
 * `bench/samplers.ts`), and TPE once a study has more than a hundred.
 */
export function createDefaultSampler(): Sampler {
  const [small, large] = [createGaussianProcessSampler(), createTpeSampler()];
  return {
    name: 'default',
    suggest: (study, number) =>
      (study.trials.length > MOST_GAUSSIAN_PROCESS_TRIALS ? large : small).suggest(study, number),
  };
}
