import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseModelConfig, type ModelConfig } from '../../../engine/nn/config.js';
import { embeddingName, parameterShapes } from '../../../engine/nn/parameters.js';
import { embeddingCopies, withEmbeddingCopies } from '../../../engine/peft/embedding-copies.js';
import { loraFromPeft } from '../../../engine/peft/from-peft.js';
import { loraKey } from '../../../engine/peft/keys.js';
import { createLora } from '../../../engine/peft/lora.js';
import { mergeLora } from '../../../engine/peft/merge.js';
import { savedKey, savedParameters } from '../../../engine/peft/saved-modules.js';
import { targetModules } from '../../../engine/peft/target-modules.js';
import { TINY_CONFIG, tinyWeights } from '../train/tiny-model.js';

const llama = parseModelConfig('tiny', JSON.stringify(TINY_CONFIG));
const gpt2 = parseModelConfig(
  'tiny',
  JSON.stringify({ model_type: 'gpt2', vocab_size: 9, n_embd: 8, n_head: 2, n_layer: 2, n_positions: 16 }),
);
const settings = { rank: 3, alpha: 6, dropout: 0, targetModules: 'auto' as const };
const fixture = async (architecture: string) => {
  const file = join(import.meta.dirname, '../../parity/fixtures/models', architecture, 'config.json');
  return parseModelConfig(file, await readFile(file, 'utf8'));
};
const names = (config: ModelConfig, wanted: Parameters<typeof targetModules>[1]) =>
  targetModules(config, wanted).map((module) => module.name);

describe('target modules', () => {
  it('follow PEFT for each architecture', () => {
    expect(names(gpt2, 'auto')).toEqual(['transformer.h.0.attn.c_attn', 'transformer.h.1.attn.c_attn']);
    expect(names(llama, 'auto')).toEqual([
      'model.layers.0.self_attn.q_proj',
      'model.layers.0.self_attn.v_proj',
      'model.layers.1.self_attn.q_proj',
      'model.layers.1.self_attn.v_proj',
    ]);
  });

  it.each([
    ['qwen2_window', ['q_proj', 'v_proj']],
    ['mistral_window', ['q_proj', 'v_proj']],
    ['t5_gated', ['q', 'v']],
    ['bert_types', ['query', 'value']],
    ['roberta', ['query', 'value']],
  ])('T3: follow PEFT for %s', async (architecture, expected) => {
    const found = names(await fixture(architecture), 'auto');
    expect([...new Set(found.map((name) => name.split('.').at(-1)))]).toEqual(expected);
  });

  it.each(['distilbert', 'phi3_partial'])('T3: have no default for %s, as in PEFT', async (name) => {
    const model = await fixture(name);
    expect(() => names(model, 'auto')).toThrow(`there is no default for a ${model.architecture} model`);
    expect(names(model, 'all-linear').length).toBeGreaterThan(0);
  });

  it('the saved head of DistilBERT is both its layers, as in PEFT, which compares the ends of names', async () => {
    expect(savedParameters(await fixture('distilbert'), ['classifier', 'score'])).toEqual([
      'pre_classifier.weight',
      'pre_classifier.bias',
      'classifier.weight',
      'classifier.bias',
    ]);
  });

  it('are BERT’s pooler too, as in PEFT, which leaves out what is saved in full', async () => {
    const bert = await fixture('bert_types');
    expect(names(bert, 'all-linear')).toContain('bert.pooler.dense');
    expect(names(bert, ['dense'])).toContain('bert.pooler.dense');
    expect(names(bert, 'all-linear')).not.toContain('classifier');
    for (const name of ['distilbert', 'roberta'])
      expect(names(await fixture(name), 'all-linear').filter((module) => module.includes('classifier'))).toEqual([]);
  });

  it('are every linear module but the head, or those named', () => {
    expect(names(llama, 'all-linear')).toHaveLength(14);
    expect(names(gpt2, ['c_proj'])).toEqual([
      'transformer.h.0.attn.c_proj',
      'transformer.h.0.mlp.c_proj',
      'transformer.h.1.attn.c_proj',
      'transformer.h.1.mlp.c_proj',
    ]);
    expect(names(gpt2, ['1.mlp.c_proj'])).toEqual(['transformer.h.1.mlp.c_proj']);
  });

  it('are refused by name when the model has none', () => {
    expect(() => names(gpt2, ['c_attn', 'q_proj'])).toThrow(/"q_proj"/);
    expect(() => names(gpt2, [])).toThrow(/empty/);
  });
});

describe('a new adapter', () => {
  it('T5: trains r·(in + out) numbers for each target', () => {
    const { tensors } = createLora(llama, settings, 1);
    const size = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(size).toBe(2 * (3 * (16 + 16) + 3 * (16 + 8)));
  });

  it('T5: starts without effect, with A uniform in ±1/√in and B zero', () => {
    const { tensors } = createLora(llama, { ...settings, rank: 64 }, 1);
    const a = tensors.get(loraKey('model.layers.0.self_attn.q_proj', 'A'))!.data as Float32Array;
    expect(a.every((value) => Math.abs(value) <= 0.25)).toBe(true);
    expect(Math.max(...a)).toBeGreaterThan(0.24);
    expect(a.reduce((sum, value) => sum + value * value, 0) / a.length).toBeCloseTo(0.25 ** 2 / 3, 2);
    const bs = [...tensors].filter(([key]) => key.includes('lora_B'));
    expect(bs).toHaveLength(4);
    for (const [, { data }] of bs) expect(data.every((value) => value === 0)).toBe(true);
  });

  it('draws each module from its own stream of the seed', () => {
    const all = createLora(llama, { ...settings, targetModules: 'all-linear' }, 1).tensors;
    const some = createLora(llama, settings, 1).tensors;
    for (const [key, tensor] of some) expect(all.get(key)).toEqual(tensor);
    const key = loraKey('model.layers.0.self_attn.q_proj', 'A');
    expect(createLora(llama, settings, 2).tensors.get(key)).not.toEqual(some.get(key));
    expect(some.get(loraKey('model.layers.1.self_attn.q_proj', 'A'))).not.toEqual(some.get(key));
  });

  it('comes back from what PEFT would store', () => {
    const adapter = createLora(gpt2, settings, 1);
    expect(adapter.config.fanInFanOut).toBe(true);
    expect(loraFromPeft(gpt2, { config: adapter.config, tensors: adapter.tensors })).toEqual(adapter);
  });
});

describe('a saved embedding', () => {
  const embedding = savedKey(embeddingName(llama));
  const head = savedKey('lm_head.weight');
  const adapter = createLora(llama, { ...settings, modulesToSave: ['embed_tokens'] }, 1, tinyWeights());

  it('is stored with the head that it is tied to, which PEFT would leave as it was', () => {
    expect(adapter.config).toMatchObject({ modulesToSave: ['embed_tokens', 'lm_head'], ensureWeightTying: true });
    const tensors = withEmbeddingCopies(llama, adapter.tensors);
    expect(tensors.get(head)).toEqual(adapter.tensors.get(embedding));
    expect(loraFromPeft(llama, { config: adapter.config, tensors })).toEqual(adapter);
    expect(loraFromPeft(llama, { config: { ...adapter.config, ensureWeightTying: false }, tensors })).toMatchObject({
      savedParameters: adapter.savedParameters,
    });
    expect(withEmbeddingCopies(llama, createLora(llama, settings, 1).tensors).has(head)).toBe(false);
  });

  it('of T5 is stored for its encoder and decoder, too', async () => {
    const copies = ['encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'];
    const t5 = await fixture('t5_relu_tied');
    expect(embeddingCopies(t5)).toEqual([...copies, 'lm_head.weight']);
    expect(embeddingCopies({ ...t5, tiedHead: false })).toEqual(copies);
  });

  it('is refused where the adapter leaves the head as it was, or trained it apart', () => {
    const config = { ...adapter.config, ensureWeightTying: false };
    expect(() => loraFromPeft(llama, { config, tensors: adapter.tensors })).toThrow(/two in the adapter/);
    const other = { ...adapter.tensors.get(embedding)!, data: new Float32Array(16 * 16) };
    const apart = new Map(adapter.tensors).set(head, other);
    expect(() => loraFromPeft(llama, { config: adapter.config, tensors: apart })).toThrow(/two in the adapter/);
    apart.delete(embedding);
    expect(() => loraFromPeft(llama, { config, tensors: apart })).toThrow(/two in the adapter/);
  });

  it('is tied by ensure_weight_tying only under the names that PEFT 0.21.2 ties', () => {
    const tied = { ...adapter.config, modulesToSave: ['model.embed_tokens'] };
    expect(loraFromPeft(llama, { config: tied, tensors: adapter.tensors }).savedParameters).toEqual([
      embeddingName(llama),
    ]);
    const zeros = new Map(
      [...parameterShapes(gpt2)].map(([name, shape]) => [
        name,
        { dtype: 'float32' as const, shape, data: new Float32Array(shape.reduce((size, n) => size * n)) },
      ]),
    );
    const { config, tensors } = createLora(gpt2, { ...settings, modulesToSave: ['wte'] }, 1, zeros);
    expect(loraFromPeft(gpt2, { config, tensors }).savedParameters).toEqual([embeddingName(gpt2)]);
    expect(() => loraFromPeft(gpt2, { config: { ...config, modulesToSave: ['wte'] }, tensors })).toThrow(
      /two in the adapter/,
    );
  });
});

describe('a foreign adapter', () => {
  const { config, tensors } = createLora(llama, settings, 1);

  it('is refused when it changes more than can be followed', () => {
    for (const change of [{ bias: 'all' }, { initLoraWeights: 'olora' }, { initLoraWeights: 'loftq' }])
      expect(() => loraFromPeft(llama, { config: { ...config, ...change }, tensors })).toThrow(/The adapter uses/);
  });

  it('has its own rank and alpha for modules that a pattern names', () => {
    const wide = createLora(llama, { ...settings, rank: 5, targetModules: ['1.self_attn.v_proj'] }, 1);
    const mixed = new Map([...tensors, ...wide.tensors]);
    const patterns = { rankPattern: { 'layers.1.self_attn.v_proj': 5 }, alphaPattern: { '.*v_proj': 30 } };
    const { modules } = loraFromPeft(llama, { config: { ...config, ...patterns }, tensors: mixed });
    expect(modules.map(({ rank, scale }) => [rank, scale])).toEqual([
      [3, 2],
      [3, 10],
      [3, 2],
      [5, 6],
    ]);
    expect(() => loraFromPeft(llama, { config: { ...config, rankPattern: { '(': 2 } }, tensors })).toThrow(
      /pattern "\("/,
    );
  });

  it('is refused with the tensor named when it does not fit the model', () => {
    expect(() => loraFromPeft(gpt2, { config, tensors })).toThrow(/q_proj/);
    const missing = new Map([...tensors].slice(1));
    expect(() => loraFromPeft(llama, { config, tensors: missing })).toThrow(/lora_A.*missing/);
    expect(() => loraFromPeft(llama, { config: { ...config, r: 4 }, tensors })).toThrow(
      /\[3, 16\] instead of \[4, 16\]/,
    );
  });

  it('may change BERT’s pooler', async () => {
    const bert = await fixture('bert_types');
    const weights = new Map(
      [...parameterShapes(bert)].map(([name, shape]) => {
        const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
        return [name, { dtype: 'float32' as const, shape, data }];
      }),
    );
    const pooler = createLora(bert, { ...settings, targetModules: ['pooler.dense'] }, 1, weights);
    expect(loraFromPeft(bert, pooler)).toEqual(pooler);
    (pooler.tensors.get(loraKey('bert.pooler.dense', 'B'))!.data as Float32Array).fill(1);
    expect(mergeLora(weights, pooler).get('bert.pooler.dense.weight')).not.toEqual(
      weights.get('bert.pooler.dense.weight'),
    );
  });

  it('is scaled by the square root of the rank when rank-stabilised', () => {
    const { modules } = loraFromPeft(llama, { config: { ...config, useRslora: true }, tensors });
    for (const { scale } of modules) expect(scale).toBeCloseTo(6 / Math.sqrt(3));
  });
});
