import { RatchetError } from '../../config/errors.js';
import type { ParameterValues, Range, SearchSpace } from '../../learning/tuning/search-space.js';

/** A parameter as the fixtures write it. */
export interface FixtureParameter {
  name: string;
  type: 'float' | 'int';
  low: number;
  high: number;
  log: boolean;
}

/** The constants of one set of objectives (`tpe.json`, see its README). */
export interface ObjectiveConstants {
  a: number[];
  branin_second: string;
  noise_sigma: number;
  noise_key: number;
  lr_div: number;
  dataset: number;
  lr_ref: number;
}

/** The fixtures' search space in ours, in the same order. */
export function fixtureSpace(parameters: readonly FixtureParameter[]): SearchSpace {
  return Object.fromEntries(
    parameters.map(({ name, type, low, high, log }): [string, Range] => [
      name,
      { low, high, scale: log ? 'log' : 'linear', integer: type === 'int' },
    ]),
  );
}

/** Normalised coordinates in [0, 1]; unlike the samplers' unit cube without the half steps of integers. */
export function normalise(values: ParameterValues, space: SearchSpace): number[] {
  return Object.entries(space).map(([name, { low, high, scale }]) => {
    const value = values[name]!;
    return scale === 'log' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  });
}

/** A standard normal number of a trial: mulberry32 and Box–Muller as the fixtures' README defines them. */
export function trialNoise(noiseKey: number, runSeed: number, trial: number): number {
  let state = (noiseKey * 1_000_000 + runSeed * 1000 + trial) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
  const [first, second] = [next(), next()];
  return Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second);
}

/** The training curve's value after a fraction of the steps. */
export function trainingCurve(values: ParameterValues, constants: ObjectiveConstants, fraction: number): number {
  const { learning_rate: rate, batch_size: batch, num_epochs: epochs, warmup_ratio: warmup } = values;
  const { lora_r: rank, lora_alpha: alpha } = values;
  const effective = rate! * Math.sqrt(alpha! / rank!) * Math.sqrt(32 / batch!);
  const steps = Math.ceil(constants.dataset / batch!) * epochs!;
  const floor = 0.3 + 0.4 / Math.sqrt(rank!);
  const limit = Math.log10(constants.lr_div * (1 + 4 * warmup!));
  const divergence = 1 / (1 + Math.exp(-10 * (Math.log10(effective) - limit)));
  const work = (steps * fraction * effective) / (100 * constants.lr_ref);
  const overfit = (0.02 * Math.max(0, work - 3) ** 1.5) / (1 + 8 / rank!);
  const loss = floor + (2.5 - floor) / (1 + work ** 1.2) + overfit;
  return (1 - divergence) * loss + divergence * (2.5 + 1.5 * fraction);
}

/** The noise-free value of an objective; all are minimised. */
export function objectiveValue(
  objective: string,
  values: ParameterValues,
  space: SearchSpace,
  constants: ObjectiveConstants,
): number {
  const unit = normalise(values, space);
  const d = unit.map((value, index) => value - constants.a[index]!);
  switch (objective) {
    case 'bowl':
    case 'noisy_bowl':
      return (
        8 * (d[0]! - 0.5 * d[1]!) ** 2 +
        2 * d[1]! ** 2 +
        1.5 * (d[2]! + 0.6 * d[0]!) ** 2 +
        0.3 * d[3]! ** 2 +
        2 * (d[4]! - 0.7 * d[5]!) ** 2 +
        d[5]! ** 2
      );
    case 'step': {
      const [height, count] = [
        [0.2, 0.1, 0.15, 0.05, 0.1, 0.1],
        [12, 8, 7, 3, 9, 9],
      ] as const;
      const stairs = d.reduce((sum, x, i) => sum + height[i]! * Math.floor(count[i]! * Math.abs(x)), 0);
      return stairs + (unit[0]! > 0.9 ? 1 : 0);
    }
    case 'rastrigin': {
      const weights = [2, 1, 1, 0.3, 0.7, 0.7];
      return d.reduce((sum, x, i) => sum + weights[i]! * (9 * x * x + 0.5 * (1 - Math.cos(6 * Math.PI * x))), 0);
    }
    case 'branin': {
      const x1 = 15 * unit[0]! - 5;
      const x2 = 15 * unit[Object.keys(space).indexOf(constants.branin_second)]!;
      const well = x2 - (5.1 / (4 * Math.PI ** 2)) * x1 * x1 + (5 / Math.PI) * x1 - 6;
      return well ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x1) + 10 - 0.39788735772973816;
    }
    case 'training_curve':
      return trainingCurve(values, constants, 1);
    default:
      throw new RatchetError('E_NOT_FOUND', `There is no objective ${objective}.`, { hint: 'See README-methods.md.' });
  }
}
