import type { ModelConfig } from '../nn/config.js';
import type { GroupOf } from '../optim/optimizer.js';

/**
 * The parameter groups of LoRA+ (Hayou et al. 2024; PEFT's `create_loraplus_optimizer`): B and every vector learn `ratio`
 * times as fast as A. As in PEFT, biases and the gains of LayerNorms (RMSNorms' do) that are trained beside do not decay.
 *
 * @param norm the kind of the model's norms
 * @returns undefined where the ratio is 1: nothing differs
 */
export function loraPlusGroups(ratio: number | undefined, norm: ModelConfig['norm']): GroupOf | undefined {
  if (ratio === undefined || ratio === 1) return undefined;
  return (parameter, shape) => {
    if (parameter.includes('lora_B')) return { learningRateFactor: ratio };
    if (shape.length !== 1) return undefined;
    // Vectors are DoRA's magnitudes, biases, and gains of norms.
    const decays = parameter.endsWith('.lora_magnitude_vector') || (norm === 'rms' && !parameter.endsWith('.bias'));
    return { learningRateFactor: ratio, ...(!decays && { weightDecay: 0 }) };
  };
}
