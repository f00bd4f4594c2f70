import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { writeSafetensors } from '../../../engine/formats/safetensors.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { headName, parameterShapes } from '../../../engine/nn/parameters.js';
import { TINY_CONFIG, tinyWeights } from '../train/tiny-model.js';

const parse = (changes: object) => parseModelConfig('config.json', JSON.stringify({ ...TINY_CONFIG, ...changes }));

const theta = (changes: object) => {
  const config = parse(changes);
  return config.kind === 'decoder' ? config.rotary?.theta : undefined;
};

describe('config.json', () => {
  it('may spell the rotary base the old or the new way', () => {
    expect(theta({ rope_theta: 5e5 })).toBe(5e5);
    expect(theta({ rope_theta: undefined, rope_parameters: { rope_theta: 1e6, rope_type: 'default' } })).toBe(1e6);
    expect(theta({ rope_theta: undefined })).toBe(10000);
  });

  it('decides between a tied head and one of its own', () => {
    expect(headName(parse({}))).toBe('model.embed_tokens.weight');
    const untied = parse({ tie_word_embeddings: false });
    expect(headName(untied)).toBe('lm_head.weight');
    expect(parameterShapes(untied).get('lm_head.weight')).toEqual([16, 16]);
  });

  it('gives grouped-query attention smaller key and value projections', () => {
    expect(parameterShapes(parse({})).get('model.layers.0.self_attn.k_proj.weight')).toEqual([8, 16]);
    expect(parse({ num_key_value_heads: undefined }).keyValueHeads).toBe(4);
  });

  it('may name one end token, several or none', () => {
    expect(parse({ eos_token_id: [1, 2] }).endIds).toEqual([1, 2]);
    expect(parse({ eos_token_id: null }).endIds).toEqual([]);
  });

  it.each([
    [{ model_type: 'mamba' }, /unknown architecture "mamba"/],
    [{ hidden_size: 'big' }, /field hidden_size is "big"/],
    [{ num_hidden_layers: undefined }, /field num_hidden_layers is missing/],
    [{ hidden_act: 'mish' }, /field hidden_act is "mish"/],
    [{ rope_scaling: { rope_type: 'yarn' } }, /rope type "yarn"/],
    [{ num_key_value_heads: 3 }, /4 heads cannot share 3/],
    [{ head_dim: 3 }, /head_dim 3 is odd/],
  ])('is refused with the field named: %j', (changes, message) => {
    expect(() => parse(changes)).toThrow(message);
  });

  it('is refused when it is not an object', () => {
    expect(() => parseModelConfig('config.json', '[')).toThrow(/not valid JSON/);
    expect(() => parseModelConfig('config.json', '3')).toThrow(/not a JSON object/);
  });
});

describe('a model folder', () => {
  async function folderWith(weights: ReturnType<typeof tinyWeights>) {
    const folder = await mkdtemp(join(tmpdir(), 'ratchet-model-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'config.json'), JSON.stringify(TINY_CONFIG));
    await writeSafetensors(join(folder, 'model.safetensors'), weights);
    return folder;
  }

  it('loads exactly the parameters of the model', async () => {
    const weights = tinyWeights();
    const extra = new Map(weights).set('lm_head.weight', weights.get('model.embed_tokens.weight')!);
    expect((await loadModel(await folderWith(extra))).weights).toEqual(weights);
  });

  it('is refused with every tensor named that is missing or does not fit', async () => {
    const weights = tinyWeights();
    weights.delete('model.layers.1.mlp.up_proj.weight');
    weights.set('model.norm.weight', { dtype: 'float32', shape: [2], data: new Float32Array(2) });
    await expect(loadModel(await folderWith(weights))).rejects.toMatchObject({
      code: 'E_MODEL_INVALID',
      message: expect.stringMatching(
        /"model.layers.1.mlp.up_proj.weight" is missing.*"model.norm.weight" has shape \[2\]/,
      ),
    });
  });
});
