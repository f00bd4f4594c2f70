import { describe, expect, it } from 'vitest';
import { loraPlusGroups } from '../../../engine/peft/lora-plus.js';

const MODULE = 'base_model.model.distilbert.transformer.layer.0.attention.q_lin';

// The groups that PEFT 0.21.2's create_loraplus_optimizer makes of DistilBERT and Llama with the classifier and norms saved.
describe('the groups of LoRA+', () => {
  it.each([
    [`${MODULE}.lora_A.weight`, [4, 32], undefined],
    [`${MODULE}.lora_B.weight`, [32, 4], { learningRateFactor: 16 }],
    [`${MODULE}.lora_magnitude_vector`, [32], { learningRateFactor: 16 }],
    ['base_model.model.classifier.weight', [3, 32], undefined],
    ['base_model.model.classifier.bias', [3], { learningRateFactor: 16, weightDecay: 0 }],
    [
      'base_model.model.distilbert.transformer.layer.0.sa_layer_norm.weight',
      [32],
      { learningRateFactor: 16, weightDecay: 0 },
    ],
  ])('%s of a model with LayerNorms', (parameter, shape, group) => {
    expect(loraPlusGroups(16, 'layer')!(parameter, shape)).toEqual(group);
  });

  it('the gain of an RMSNorm decays', () => {
    expect(loraPlusGroups(16, 'rms')!('base_model.model.model.norm.weight', [32])).toEqual({ learningRateFactor: 16 });
  });

  it('there are none at ratio 1', () => {
    expect(loraPlusGroups(1, 'rms')).toBeUndefined();
  });
});
