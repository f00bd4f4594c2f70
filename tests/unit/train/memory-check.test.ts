import { describe, expect, it } from 'vitest';
import { isRatchetError } from '../../../config/errors.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { refuseTooLarge } from '../../../engine/train/memory-check.js';

const config = parseModelConfig(
  'gpt2',
  JSON.stringify({ model_type: 'gpt2', vocab_size: 50257, n_embd: 768, n_head: 12, n_layer: 12, n_positions: 1024 }),
);
const question = { config, strategy: 'full' as const, batch: 8, time: 512 };

function refusal(available: number, changes = {}) {
  try {
    refuseTooLarge({ ...question, ...changes }, available);
  } catch (error) {
    if (isRatchetError(error)) return error;
    throw error;
  }
  return null;
}

describe('the memory check', () => {
  it('lets a training begin that fits', () => {
    expect(refusal(64e9)).toBeNull();
  });

  it('T10: refuses one that does not, and names only what would fit', () => {
    const error = refusal(2.5e9)!;
    expect(error.code).toBe('E_OUT_OF_MEMORY');
    expect(error.message).toMatch(/needs about \d+\.\d GB beside the model's weights, and 2\.5 GB are free/);
    expect(error.hint).toContain('qlora with gradientCheckpointing');
    expect(error.hint).not.toContain('half of maxLength');
    for (const [, size] of error.hint!.matchAll(/\((\d+\.\d) GB\)/g)) expect(Number(size)).toBeLessThanOrEqual(2.5);
  });

  it('says so when nothing would fit', () => {
    expect(refusal(1e6)!.hint).toBe('Use a smaller model, or a machine with more memory.');
  });
});
