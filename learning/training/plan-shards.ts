import type { TrainingParameters } from '../../config/domain.js';

export interface ShardPlan {
  /** No more than there are rows. */
  workers: number;
  /** Rows in a forward pass of one worker, and forward passes in its optimizer step. */
  batchSize: number;
  gradientAccumulationSteps: number;
  /** Optimizer steps of each worker in an epoch, and in the whole training. */
  stepsPerEpoch: number;
  totalSteps: number;
}

/**
 * How a training is shared: the rows of an update are divided among the workers, so that they see together as many rows an
 * update, and make as many updates, as one worker alone. Where the rows of an update do not divide evenly, the
 * forward passes of a worker are of the nearest whole size.
 *
 * @param rows training rows, ≥ 1
 */
export function planShards(
  rows: number,
  workers: number,
  {
    batchSize,
    gradientAccumulationSteps,
    numEpochs,
  }: Pick<TrainingParameters, 'batchSize' | 'gradientAccumulationSteps' | 'numEpochs'>,
): ShardPlan {
  const count = Math.min(workers, rows);
  const share = (batchSize * gradientAccumulationSteps) / count;
  const passes = Math.max(1, Math.ceil(share / batchSize));
  const pass = Math.max(1, Math.round(share / passes));
  const stepsPerEpoch = Math.ceil(Math.ceil(rows / count) / (pass * passes));
  return {
    workers: count,
    batchSize: pass,
    gradientAccumulationSteps: passes,
    stepsPerEpoch,
    totalSteps: Math.max(1, Math.ceil(stepsPerEpoch * numEpochs - 1e-9)),
  };
}
