import type { fixtureSpace } from '../scripts/parity/tuning-objectives.js';
import { objectiveValue, trialNoise, type ObjectiveConstants } from '../scripts/parity/tuning-objectives.js';
import type { Sampler } from '../learning/tuning/sampler.js';
import { createStudy, finishTrial, startTrial } from '../learning/tuning/study.js';
export function runStudy(
  objective: string,
  sampler: Sampler,
  seed: number,
  trials: number,
  space: ReturnType<typeof fixtureSpace>,
  constants: ObjectiveConstants,
): number[] {
  let study = createStudy({ name: objective, direction: 'minimize', space, seed });
  let [lowest, recorded] = [Infinity, Infinity];
  const best: number[] = [];
  for (let number = 0; number < trials; number++) {
    const values = sampler.suggest(study, number);
    const value = objectiveValue(objective, values, space, constants);
    const noise =
      objective === 'noisy_bowl' ? constants.noise_sigma * trialNoise(constants.noise_key, seed, number) : 0;
    study = finishTrial(startTrial(study, values), number, { value: value + noise });
    if (value + noise < lowest) [lowest, recorded] = [value + noise, value];
    best.push(recorded);
  }
  return best;
}
