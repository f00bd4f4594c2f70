import { describe, expect, it } from 'vitest';
import {
  countParameters,
  estimateMemory,
  REGISTERED_MODELS,
  registeredConfig,
  registeredModel,
} from '../../../engine/registry/index.js';
import { ARCHITECTURES } from '../../../engine/nn/config.js';

describe('T1: the registry', () => {
  it.each(REGISTERED_MODELS)('$id has as many parameters as the published checkpoint', (model) => {
    const config = registeredConfig(model);
    expect(config.architecture).toBe(model.family);
    expect(countParameters(config)).toBe(model.parameters);
    expect(model.task === 'classification').toBe(config.kind === 'classifier');
  });

  it('has a model of every architecture, each findable by id and by repository', () => {
    expect(new Set(REGISTERED_MODELS.map((model) => model.family))).toEqual(new Set(ARCHITECTURES));
    expect(new Set(REGISTERED_MODELS.map((model) => model.id)).size).toBe(REGISTERED_MODELS.length);
    for (const model of REGISTERED_MODELS) {
      expect(registeredModel(model.id)).toBe(model);
      expect(registeredModel(model.hub.toUpperCase())).toBe(model);
    }
    expect(registeredModel('mamba')).toBeUndefined();
  });
});

describe('the memory estimate', () => {
  const attention = Array.from({ length: 12 }, () => ({ inputs: 768, outputs: 2304 }));
  const config = registeredConfig(registeredModel('gpt2')!);
  const question = { config, batch: 4, time: 128, rank: 16 } as const;

  it('counts the bytes of full training by hand', () => {
    const { weights, gradients, optimizer, trainableParameters } = estimateMemory({ ...question, strategy: 'full' });
    expect([weights, gradients, optimizer]).toEqual([497_759_232, 995_518_464, 995_518_464]);
    expect(trainableParameters).toBe(124_439_808);
  });

  it('counts the adapter of LoRA, and packs the layers for QLoRA', () => {
    const modules = Array.from({ length: 12 }, () => ({ inputs: 768, outputs: 2304 }));
    const lora = estimateMemory({ ...question, strategy: 'lora', modules });
    expect(lora.trainableParameters).toBe(12 * 16 * (768 + 2304));
    const qlora = estimateMemory({ ...question, strategy: 'qlora', modules });
    const packed = 12 * (768 * 2304 + 768 * 768 + 2 * 768 * 3072);
    expect(lora.weights - qlora.weights).toBeCloseTo(packed * (4 - 0.515869140625), -1);
    // One unpacked weight: the largest.
    expect(qlora.activations - lora.activations).toBe(768 * 3072 * 4);
  });

  it.each([
    ['LoRA 4×128', { strategy: 'lora', modules: [...attention] }, 989],
    ['full 4×128', { strategy: 'full' }, 3699],
    ['QLoRA 4×128, checkpointed', { strategy: 'qlora', modules: [...attention], checkpointing: true }, 645],
    ['LoRA 8×512', { strategy: 'lora', modules: [...attention], batch: 8, time: 512 }, 3809],
  ] as const)('is within a fifth of the peak that was measured: GPT-2 %s', (_, changes, megabytes) => {
    const { total } = estimateMemory({ ...question, ...changes });
    expect(Math.abs(total / 1e6 / megabytes - 1)).toBeLessThan(0.2);
  });

  it('grows with batch and length, shrinks with checkpointing and few supervised positions', () => {
    const total = (changes: object) => estimateMemory({ ...question, strategy: 'lora', ...changes }).total;
    expect(total({ batch: 8 })).toBeGreaterThan(total({}));
    expect(total({ time: 256 })).toBeGreaterThan(total({}));
    expect(total({ checkpointing: true })).toBeLessThan(total({}));
    expect(total({ supervised: 32 })).toBeLessThan(total({}));
    expect(total({ weightBytes: 2 })).toBeLessThan(total({}));
  });
});
