import { expect, it } from 'vitest';
import { planShards } from '../../../../learning/training/plan-shards.js';

it.each([
  // rows, workers, batch, accumulation → workers, batch, accumulation, steps an epoch
  [100, 1, 4, 4, 1, 4, 4, 7],
  [100, 2, 4, 4, 2, 4, 2, 7],
  [100, 4, 4, 4, 4, 4, 1, 7],
  [100, 8, 4, 4, 8, 2, 1, 7],
  [100, 3, 4, 4, 3, 3, 2, 6],
  [64, 32, 4, 4, 32, 1, 1, 2],
  [3, 8, 4, 4, 3, 3, 2, 1],
])('%i rows on %i workers at %i × %i', (rows, workers, batchSize, gradientAccumulationSteps, ...expected) => {
  const plan = planShards(rows, workers, { batchSize, gradientAccumulationSteps, numEpochs: 3 });
  expect(Object.values(plan).slice(0, 4)).toEqual(expected);
  expect(plan.totalSteps).toBe(plan.stepsPerEpoch * 3);
});

it('rounds a part of an epoch up to whole steps', () => {
  const plan = planShards(100, 2, { batchSize: 4, gradientAccumulationSteps: 4, numEpochs: 0.5 });
  expect(plan.totalSteps).toBe(4);
});
