import type { LoopConfig } from '../../config/loop.js';
import { createDefaultSampler } from './default-sampler.js';
import { createGaussianProcessSampler } from './gaussian-process-sampler.js';
import { createHyperbandPruner } from './hyperband-pruner.js';
import { createMedianPruner } from './percentile-pruner.js';
import { createNoPruner, type Pruner } from './pruner.js';
import { createQuasiRandomSampler } from './quasi-random-sampler.js';
import { createRandomSampler } from './random-sampler.js';
import type { Sampler } from './sampler.js';
import { createSuccessiveHalvingPruner } from './successive-halving-pruner.js';
import { createTpeSampler } from './tpe-sampler.js';

type Settings = LoopConfig['tuning'];

/** The samplers that a configuration can name. */
export const SAMPLERS: Record<Settings['sampler'], () => Sampler> = {
  default: createDefaultSampler,
  tpe: createTpeSampler,
  'tpe-univariate': () => createTpeSampler({ multivariate: false }),
  'gaussian-process': createGaussianProcessSampler,
  random: createRandomSampler,
  'quasi-random': createQuasiRandomSampler,
};

/**
 * The pruners that a configuration can name; a step is an epoch, so rungs are close together. With `asha` no report stops
 * a trial: it waits, and may go on (asynchronous-halving.ts).
 */
export const PRUNERS: Record<Settings['pruner'], () => Pruner> = {
  none: createNoPruner,
  median: () => createMedianPruner({ startupTrials: 4 }),
  'successive-halving': () => createSuccessiveHalvingPruner({ leastResource: 1, reductionFactor: 2 }),
  hyperband: () => createHyperbandPruner({ leastResource: 1 }),
  asha: createNoPruner,
};
