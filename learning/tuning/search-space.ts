import type { TrainingParameters } from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';

/** Hyperparameters that tuning may change; the rest of {@link TrainingParameters} stays as configured. */
export const TUNED = ['learningRate', 'batchSize', 'numEpochs', 'warmupRatio', 'loraRank', 'loraAlpha'] as const;
export type TunedParameter = (typeof TUNED)[number];

export interface Range {
  low: number;
  high: number;
  scale: 'linear' | 'log';
  integer: boolean;
}

/** Ranges by parameter name; the order of the keys is the order of the dimensions. */
export type SearchSpace = Readonly<Record<string, Range>>;

/** One value for each parameter of a search space. */
export type ParameterValues = Record<string, number>;

/** R7: the search space of S3. `batchSize` is the minibatch, not the size of a round. */
export const SEARCH_SPACE: Readonly<Record<TunedParameter, Range>> = {
  learningRate: { low: 1e-6, high: 1e-3, scale: 'log', integer: false },
  batchSize: { low: 8, high: 64, scale: 'log', integer: true },
  numEpochs: { low: 1, high: 10, scale: 'linear', integer: true },
  warmupRatio: { low: 0, high: 0.2, scale: 'linear', integer: false },
  loraRank: { low: 4, high: 64, scale: 'log', integer: true },
  loraAlpha: { low: 8, high: 128, scale: 'log', integer: false },
};

/** The wider profile of S4, whose presets use ranks up to 128. */
export const WIDE_SEARCH_SPACE: Readonly<Record<TunedParameter, Range>> = {
  ...SEARCH_SPACE,
  loraRank: { low: 4, high: 128, scale: 'log', integer: true },
  loraAlpha: { low: 8, high: 256, scale: 'log', integer: false },
};

/** True when the value may be proposed by a search over the range. */
export function isInRange(value: number, range: Range): boolean {
  return value >= range.low && value <= range.high && (!range.integer || Number.isInteger(value));
}

/** The configured parameters as one training run takes them: what is used until a trial has done better. */
export function defaultParameters(config: LoopConfig['training']): TrainingParameters {
  const { learningRate, batchSize, gradientAccumulationSteps, numEpochs, warmupRatio } = config;
  const { loraRank, loraAlpha, loraDropout, weightDecay, maxGradientNorm, maxLength } = config;
  return {
    learningRate,
    batchSize,
    gradientAccumulationSteps,
    numEpochs,
    warmupRatio,
    loraRank,
    loraAlpha,
    loraDropout,
    weightDecay,
    maxGradientNorm,
    maxLength,
  };
}
