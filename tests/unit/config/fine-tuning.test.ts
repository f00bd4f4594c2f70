import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFineTuningFile, resolveFineTuning } from '../../../config/resolve-fine-tuning.js';
import { OPTIMIZERS, SCHEDULES } from '../../../config/training-choices.js';
import { OPTIMIZER_NAMES, SCHEDULE_NAMES } from '../../../engine/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-fine-tuning-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (settings: unknown) => {
  const file = path.join(folder, 'run.json');
  writeFileSync(file, typeof settings === 'string' ? settings : JSON.stringify(settings));
  return readFineTuningFile(file);
};

it('T3: has the documented defaults', () => {
  expect(resolveFineTuning([], 'generation')).toMatchObject({
    model: 'microsoft/DialoGPT-medium',
    maxLength: 512,
    learningRate: 2e-4,
    numEpochs: 3,
    batchSize: 4,
    gradientAccumulationSteps: 4,
    loraRank: 16,
    loraAlpha: 32,
    loraDropout: 0.1,
    targetModules: null,
  });
  expect(resolveFineTuning([], 'classification')).toMatchObject({
    model: 'distilbert-base-uncased',
    batchSize: 16,
    numEpochs: 3,
  });
});

it('names every schedule and optimizer of the engine', () => {
  expect([...SCHEDULES].sort()).toEqual([...SCHEDULE_NAMES].sort());
  expect([...OPTIMIZERS].sort()).toEqual([...OPTIMIZER_NAMES].sort());
});

describe('T13: the JSON configurations', () => {
  const configs = path.join(import.meta.dirname, '../../../examples/configs');
  const load = async (name: string) =>
    resolveFineTuning(
      await readFineTuningFile(path.join(configs, `finetune_ollama_config_${name}.json`)),
      'generation',
    );

  it('load, all three', async () => {
    expect(
      readdirSync(configs)
        .filter((name) => name.startsWith('finetune_ollama_config_'))
        .sort(),
    ).toEqual([
      'finetune_ollama_config_phi3_mini_4k_advanced.json',
      'finetune_ollama_config_phi3_mini_original.json',
      'finetune_ollama_config_qwen2_5_7b_improved.json',
    ]);
    const original = await load('phi3_mini_original');
    expect(original).toMatchObject({ loraRank: 64, maxSteps: 1000, schedule: 'linear', earlyStoppingPatience: null });
    for (const [name, loraRank, maxSteps] of [
      ['phi3_mini_4k_advanced', 96, 1500],
      ['qwen2_5_7b_improved', 128, 2000],
    ] as const) {
      const improved = await load(name);
      expect(improved).toMatchObject({
        loraRank,
        maxSteps,
        schedule: 'three_phase',
        dynamicBatching: true,
        curriculum: true,
        earlyStoppingPatience: 5,
        earlyStoppingThreshold: 0.001,
      });
      expect(improved.maxLength).toBeGreaterThan(original.maxLength);
    }
  });
});

it('N4: reads snake_case, camelCase and the names that others use; later settings win', async () => {
  const known = (
    await read({ num_train_epochs: 2, lora: { rank: 8 }, training: { batch_size: 3, bf16: true } })
  ).concat({
    key: 'numEpochs',
    value: 5,
    where: '--epochs',
  });
  expect(resolveFineTuning(known, 'generation')).toMatchObject({
    numEpochs: 5,
    loraRank: 8,
    batchSize: 3,
    precision: 'bfloat16',
  });
});

it('N1: a bad configuration names every field, as it was written', async () => {
  const settings = [
    ...(await read({ learning_rte: 1, lora: { rank: 0 }, schedule: 'circular', fp16: true, teacher: 3 })),
    { key: 'batchSize', value: 'many', where: '--batch-size' },
  ];
  expect(() => resolveFineTuning(settings, 'generation')).toThrowErrorMatchingInlineSnapshot(`
    [RatchetError: 5 faults in the settings:
      --batch-size: must be integer ≥ 1, got "many"
      run.json: teacher: must be text, got 3
      run.json: schedule: must be "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr", "polynomial", "inverse_sqrt", "warmup_stable_decay" or "three_phase", got "circular"
      run.json: lora.rank: must be integer ≥ 1, got 0
      run.json: learning_rte: unknown setting; did you mean learning_rate?]
  `);
  await expect(read('[1]')).rejects.toThrow('run.json: must be an object of settings');
  await expect(read('{')).rejects.toThrow('run.json: not valid JSON');
  await expect(readFineTuningFile(path.join(folder, 'none.json'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  expect(() => resolveFineTuning([{ key: 'beta', value: 1, where: '--beta' }], 'classification')).toThrow(
    '--beta: has no meaning for classification',
  );
});
