import { describe, expect, it } from 'vitest';
import { LoopConfig } from '../../../config/loop.js';
import { halveBatch } from '../../../workflows/train-adapter.js';

describe('halveBatch', () => {
  const { training } = LoopConfig.parse({});

  it.each([
    [8, 2, 4, 4],
    [5, 3, 2, 8],
    [3, 1, 1, 3],
    [2, 16, 1, 32],
  ])('W2: %i rows × %i steps become %i × %i', (batchSize, gradientAccumulationSteps, smaller, more) => {
    const halved = halveBatch({ ...training, batchSize, gradientAccumulationSteps });
    expect(halved).toEqual({ ...training, batchSize: smaller, gradientAccumulationSteps: more });
    expect(smaller * more).toBeGreaterThanOrEqual(batchSize * gradientAccumulationSteps);
  });
});
