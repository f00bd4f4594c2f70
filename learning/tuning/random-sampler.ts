import { stream } from '../../config/random.js';
import { fromUnit } from './latent.js';
import type { Sampler } from './sampler.js';

/** Uniform draws in latent coordinates: log-uniform on log scales, every integer of a linear range equally likely. */
export function createRandomSampler(): Sampler {
  return {
    name: 'random',
    suggest(study, number) {
      const draws = stream(study.seed, 'tuning', 'random', study.name, number);
      return fromUnit(
        Object.keys(study.space).map(() => draws.float()),
        study.space,
      );
    },
  };
}
