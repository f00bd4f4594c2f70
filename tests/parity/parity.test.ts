import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../engine/formats/safetensors.js';
import type { ParityReport } from '../../scripts/parity/report.js';
import { runParity } from '../../scripts/parity/run-parity.js';

const fixtures = join(import.meta.dirname, 'fixtures');

describe('parity with PyTorch, transformers, PEFT and tokenizers', () => {
  let report: ParityReport;
  beforeAll(async () => {
    report = await runParity(fixtures);
  });

  const outcomes = (group: string): Record<string, string> =>
    Object.fromEntries(
      report.cases
        .filter((item) => item.case.startsWith(`${group}/`))
        .map((item) => [item.case.slice(group.length + 1), item.outcome]),
    );

  it('has no failed case', () => {
    expect(report.failures).toEqual([]);
    expect(report.failed).toBe(0);
    expect(report.passed).toBe(report.cases.filter((item) => item.outcome === 'passed').length);
  });

  it.each(['llama', 'gpt2'])('models/%s: forward and backward', (name) => {
    const found = outcomes(`models/${name}`);
    expect(found).toMatchObject({
      logits: 'passed',
      loss: 'passed',
      'hidden.0': 'passed',
      'hidden.1': 'passed',
      'hidden.2': 'passed',
      grad_norm_all: 'passed',
    });
    expect(Object.keys(found).filter((item) => item.startsWith('grad.'))).toHaveLength(3);
  });

  it.each([
    'llama',
    'llama_randB',
    'gpt2',
    'gpt2_randB',
    'llama_dora_randB',
    'llama_loraplus',
    'llama_accum4_mean',
    'distilbert_randB',
    't5_randB',
  ])('lora/%s: T5 training, merge and adapter folder', (name) => {
    expect(outcomes(`lora/${name}`)).toEqual({
      initial_logits: 'passed',
      loss: 'passed',
      grad_norm: 'passed',
      lr: 'passed',
      final_adapter: 'passed',
      probe_logits: 'passed',
      merged_logits: 'passed',
      merged_equals_separate: 'passed',
      unmerged_weights: 'passed',
      reloaded_logits: 'passed',
      adapter_keys: 'passed',
      adapter_config: 'passed',
    });
  });

  it('lora/llama_pissa: T5 starts from the principal part, trains and is loaded again', () => {
    const found = outcomes('lora/llama_pissa');
    expect(found).toMatchObject({
      pissa_product: 'passed',
      residual: 'passed',
      loss: 'passed',
      final_adapter: 'passed',
    });
    expect(new Set(Object.values(found))).toEqual(new Set(['passed']));
  });

  it('lora/full_distilbert: T5 training of all weights', () => {
    expect(outcomes('lora/full_distilbert')).toEqual({
      loss: 'passed',
      grad_norm: 'passed',
      lr: 'passed',
      final_weights: 'passed',
      probe_logits: 'passed',
    });
  });

  it('nf4: T5 codes, checkpoint and QLoRA training', () => {
    const found = outcomes('nf4');
    expect(Object.keys(found).filter((name) => name.startsWith('nf4.safetensors/'))).toHaveLength(2 + 7 * 10);
    expect(found).toMatchObject({
      'report.json/big': 'passed',
      'qlora_llama/checkpoint_tensors': 'passed',
      'qlora_llama/dequantised': 'passed',
      'qlora_llama/loss': 'passed',
      'qlora_llama/grad_norm': 'passed',
      'qlora_llama/final_adapter': 'passed',
      'qlora_llama/probe_logits': 'passed',
    });
    expect(new Set(Object.values(found))).toEqual(new Set(['passed']));
  });

  it('dpo/losses and dpo/gpt2_lora: every loss with its gradient, and a training by preferences', () => {
    const losses = outcomes('dpo/losses');
    expect(Object.keys(losses)).toHaveLength(36);
    expect(new Set(Object.values(losses))).toEqual(new Set(['passed']));
    expect(Object.keys(outcomes('dpo/gpt2_lora')).toSorted()).toEqual([
      'accuracy',
      'final_adapter',
      'grad_norm',
      'logps_chosen',
      'logps_rejected',
      'loss',
      'lr',
      'margin',
      'ref_logps_chosen',
      'ref_logps_rejected',
      'rewards_chosen',
      'rewards_rejected',
    ]);
    expect(new Set(Object.values(outcomes('dpo/gpt2_lora')))).toEqual(new Set(['passed']));
  });

  it('schedules.json: the learning rate of every step, and what is refused', () => {
    const found = Object.values(outcomes('schedules'));
    expect(found).toHaveLength(62);
    expect(new Set(found)).toEqual(new Set(['passed']));
  });

  it.each(['llama', 'gpt2', 't5'])('generate/%s: greedy and beam search, batched and alone', (name) => {
    const found = outcomes(`generate/${name}`);
    for (const item of [
      'greedy_no_eos',
      'greedy_eos',
      'greedy_reppen1.3',
      'beam4_eos',
      'beam4_eos_early',
      'beam4_eos_lp2',
    ])
      expect(found).toMatchObject({ [item]: 'passed', [`${item}/single`]: 'passed' });
    expect(found).toMatchObject({ 'beam4_eos_return4/scores': 'passed' });
    expect(Object.values(found)).not.toContain('unknown');
  });

  it.each(['bpe_bytelevel', 'bpe_split_nfc', 'bpe_byte_fallback', 'wordpiece', 'unigram'])(
    'tokenizers/%s: ids, texts, offsets, pairs and truncation',
    (name) => {
      const found = Object.values(outcomes(`tokenizers/${name}`));
      expect(found.filter((outcome) => outcome === 'passed')).toHaveLength(62 * 8 + 4 * 3 + 3 * 2 + 1);
      expect(found).not.toContain('unknown');
    },
  );

  it('chat, and D1, D2: the two corpora, every case', () => {
    const groups = ['chat', 'sentiment140', 'commonsenseqa'].map((group) => Object.values(outcomes(group)));
    for (const found of groups) expect(new Set(found)).toEqual(new Set(['passed']));
    expect(groups.map((found) => found.length)).toEqual([60, 66, 65]);
  });

  it('E4: statistics.json and R6: selection.json, every field of every case', () => {
    const groups = ['statistics', 'selection'].map((group) => Object.values(outcomes(group)));
    for (const found of groups) expect(new Set(found)).toEqual(new Set(['passed']));
    expect(groups.map((found) => found.length)).toEqual([393, 49]);
  });
});

describe('the runner itself', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-parity-test-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('fails a model whose expected loss is off by 1e-4, and only that case', async () => {
    await cp(join(fixtures, 'models/gpt2'), join(folder, 'models/gpt2'), { recursive: true });
    const file = join(folder, 'models/gpt2/expected.safetensors');
    const { tensors, metadata } = await readSafetensors(file);
    (tensors.get('loss')!.data as Float32Array)[0]! += 1e-4;
    await writeSafetensors(file, tensors, metadata);
    const { failures } = await runParity(folder);
    expect(failures.map((failure) => failure.case)).toEqual(['models/gpt2/loss']);
  });

  it('counts what it cannot check as unknown, and an unreadable case as failed', async () => {
    await cp(join(fixtures, 'models/gpt2/config.json'), join(folder, 'models/gpt2/config.json'), { recursive: true });
    await cp(join(fixtures, 'models/gpt2/config.json'), join(folder, 'models/future/config.json'), { recursive: true });
    const config = join(folder, 'models/future/config.json');
    await writeFile(config, (await readFile(config, 'utf8')).replace('"gpt2"', '"future"'));
    await cp(config, join(folder, 'unheard-of.json'));
    const { passed, failures, cases } = await runParity(folder);
    expect(passed).toBe(0);
    expect(failures.map((failure) => failure.case)).toEqual(['models/gpt2']);
    expect(cases.filter((item) => item.outcome === 'unknown').map((item) => item.case)).toEqual([
      'models/future',
      'unheard-of.json',
    ]);
  });

  it('refuses a folder without fixtures', async () => {
    await expect(runParity(join(folder, 'none'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});
