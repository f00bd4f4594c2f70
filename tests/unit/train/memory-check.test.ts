import { describe, expect, it } from 'vitest';
import { isRatchetError } from '../../../config/errors.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { estimateMemory } from '../../../engine/registry/estimate-memory.js';
import {
  memoryQuestion,
  memoryRefusal,
  refuseTooLarge,
  type TrainingSize,
} from '../../../engine/train/memory-check.js';

const config = parseModelConfig(
  'gpt2',
  JSON.stringify({ model_type: 'gpt2', vocab_size: 50257, n_embd: 768, n_head: 12, n_layer: 12, n_positions: 1024 }),
);
const size: TrainingSize = {
  config,
  strategy: 'full',
  objective: { kind: 'causal' },
  batchSize: 8,
  gradientAccumulationSteps: 1,
  longest: 512,
  loraRank: 16,
  validates: false,
};
const total = (changes: Partial<TrainingSize> = {}) => estimateMemory(memoryQuestion({ ...size, ...changes })).total;
const planned = (changes: Partial<TrainingSize>, available: number) =>
  memoryRefusal({ ...size, ...changes }, available, 'flags');

function refusal(available: number, changes: Partial<TrainingSize> = {}) {
  try {
    refuseTooLarge({ ...size, ...changes }, available);
  } catch (error) {
    if (isRatchetError(error)) return error;
    throw error;
  }
  return null;
}

describe('the memory check', () => {
  it('lets a training begin that fits', () => {
    expect(refusal(64e9)).toBeNull();
    expect(planned({}, 64e9)).toBeNull();
  });

  it('T10: refuses one that does not, and names only what would fit', () => {
    // What is left when the weights are read.
    const { weights, process: own } = estimateMemory(memoryQuestion(size));
    const error = refusal(2.5e9 - weights - own)!;
    expect(error.code).toBe('E_OUT_OF_MEMORY');
    expect(error.message).toMatch(/needs about \d+\.\d GB of memory, and 2\.5 GB are free/);
    expect(error.hint).toContain('gradientCheckpointing (');
    for (const [, bytes] of error.hint!.matchAll(/\((\d+\.\d) GB\)/g)) expect(Number(bytes)).toBeLessThanOrEqual(2.5);
  });

  it('T10: the plan of the command refuses exactly what the engine refuses once the weights are read', () => {
    const { weights, process: own } = estimateMemory(memoryQuestion(size));
    for (const free of [total() - 1e6, total() + 1e6]) {
      expect(planned({}, free) === null).toBe(free > total());
      expect(refusal(free - weights - own) === null).toBe(free > total());
    }
  });

  it('names the settings as they are given, and no change that only adds to another', () => {
    const available = total({ gradientCheckpointing: true }) + 1e6;
    const { hint } = planned({}, available)!;
    expect(hint).toMatch(/^These would fit: --gradient-checkpointing \(\d+\.\d GB\); .*--training-strategy lora/);
    expect(hint).not.toContain('--gradient-checkpointing --');
  });

  it('counts what pairs, accumulation, validation and the optimizer need', () => {
    expect(total({ objective: { kind: 'dpo', loss: 'sigmoid' } })).toBeGreaterThan(total({ batchSize: 16 }));
    const numbers = 4 * 124_439_808;
    expect(total({ gradientAccumulationSteps: 2 }) - total()).toBe(numbers);
    expect(total({ validates: true }) - total()).toBe(numbers);
    expect(total() - total({ optimizer: 'lion' })).toBe(numbers);
    expect(total() - total({ optimizer: { name: 'adafactor' } })).toBe(2 * numbers);
  });

  it('says so when nothing would fit', () => {
    expect(planned({}, 1e6)!.hint).toBe('Use a smaller model, or a machine with more memory.');
  });
});
