import type { GroupOf } from '../optim/optimizer.js';

/**
 * The parameter groups of LoRA+ (Hayou et al. 2024; PEFT's `create_loraplus_optimizer`): B and every vector learn `ratio`
 * times as fast as A.
 */
export function loraPlusGroups(ratio: number | undefined): GroupOf | undefined {
  if (ratio === undefined || ratio === 1) return undefined;
  return (parameter, shape) =>
    parameter.includes('lora_B') || shape.length === 1 ? { learningRateFactor: ratio } : undefined;
}
