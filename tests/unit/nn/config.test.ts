import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../../engine/formats/safetensors.js';
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

  it('takes rotary scaling from where transformers 5.23 does', () => {
    const rope_parameters = { rope_theta: 1e6, rope_type: 'default' };
    expect(theta({ rope_theta: undefined, rope_scaling: {}, rope_parameters })).toBe(1e6);
    const llama3 = { rope_type: 'llama3', factor: 4, low_freq_factor: 1, high_freq_factor: 4 };
    const beside = { original_max_position_embeddings: 8 };
    const original = (rope_scaling: object, changes = {}) => {
      const config = parse({ rope_scaling, ...changes });
      return config.kind === 'decoder' ? config.rotary?.scaling : undefined;
    };
    const within = { ...llama3, original_max_position_embeddings: 32 };
    expect(original(within, beside)).toMatchObject({ originalMaxPositions: 8 });
    expect(original(within)).toMatchObject({ originalMaxPositions: 32 });
    expect(original(llama3)).toMatchObject({ originalMaxPositions: 64 });
  });

  it('may stretch rotary positions by YaRN or LongRoPE, with the amplitude of transformers 5.23', () => {
    const rotary = (rope_scaling: object, changes = {}) => {
      const config = parse({ rope_scaling, ...changes });
      return config.kind === 'decoder' ? config : undefined;
    };
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 };
    expect(rotary(yarn)?.rotary?.amplitude).toBeCloseTo(1.138629436111989, 12);
    expect(rotary({ ...yarn, attention_factor: 1.25 })?.rotary?.amplitude).toBe(1.25);
    expect(rotary({ ...yarn, mscale: 0.7, mscale_all_dim: 1.1 })?.rotary?.amplitude).toBeCloseTo(
      0.9518853439550599,
      12,
    );
    const draft = { type: 'su', short_factor: [1, 2], long_factor: [3, 4] };
    const phi3 = rotary(draft, { model_type: 'phi3', original_max_position_embeddings: 16 });
    expect(phi3?.rotary?.amplitude).toBeCloseTo(1.224744871391589, 12);
    expect(phi3?.rotary?.scaling).toMatchObject({ kind: 'longrope', shortFactors: [1, 2] });
    // Longer texts would need all keys of the cache anew.
    expect(phi3?.maxPositions).toBe(16);
  });

  it('counts a negative padding id from the end, as PyTorch does', () => {
    expect(parse({ pad_token_id: -1 }).padId).toBe(15);
  });

  it('of Qwen2 has no sliding window where it is null', () => {
    const windows = (changes: object) => {
      const config = parse({ model_type: 'qwen2', use_sliding_window: true, max_window_layers: 1, ...changes });
      return config.kind === 'decoder' ? config.windows : undefined;
    };
    expect(windows({ sliding_window: null })).toEqual([null, null]);
    expect(windows({ sliding_window: 4 })).toEqual([null, 4]);
    expect(windows({})).toEqual([null, 4096]);
  });

  it("of T5 names its activation in dense_act_fn and is_gated_act before feed_forward_proj, as in transformers' own class", () => {
    const mlp = (changes: object) => {
      const sizes = { d_model: 8, d_ff: 8, num_heads: 2, num_layers: 1, vocab_size: 8 };
      const config = parseModelConfig('config.json', JSON.stringify({ model_type: 't5', ...sizes, ...changes }));
      return config.kind === 'encoder-decoder' ? [config.activation, config.gated] : undefined;
    };
    expect(mlp({})).toEqual(['relu', false]);
    expect(mlp({ feed_forward_proj: 'gated-gelu' })).toEqual(['gelu-tanh', true]);
    expect(mlp({ feed_forward_proj: 'gated-gelu', dense_act_fn: 'relu' })).toEqual(['relu', true]);
    expect(mlp({ dense_act_fn: 'gelu_new', is_gated_act: true })).toEqual(['gelu-tanh', true]);
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
    [{ rope_scaling: { rope_type: 'axial' } }, /rope type "axial"/],
    [
      { rope_scaling: { rope_type: 'longrope', short_factor: [1], long_factor: [1, 1] } },
      /short_factor .* does not fit/,
    ],
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

  it('has a head of its own where the file has one that differs, whatever config.json says', async () => {
    const weights = tinyWeights();
    const { shape, data, dtype } = weights.get('model.embed_tokens.weight')!;
    const own = new Map(weights).set('lm_head.weight', {
      dtype,
      shape,
      data: (data as Float32Array).map((x) => x + 1),
    });
    const loaded = await loadModel(await folderWith(own));
    expect(headName(loaded.config)).toBe('lm_head.weight');
    expect(loaded.weights.get('lm_head.weight')).toEqual(own.get('lm_head.weight'));
  });

  it('may keep a tied embedding under the name of the head alone', async () => {
    const weights = tinyWeights();
    const renamed = new Map(weights).set('lm_head.weight', weights.get('model.embed_tokens.weight')!);
    renamed.delete('model.embed_tokens.weight');
    expect((await loadModel(await folderWith(renamed))).weights).toEqual(weights);
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

  it('is refused when a weight is not a number, with the tensor and the element', async () => {
    const weights = tinyWeights();
    const name = 'model.layers.0.mlp.up_proj.weight';
    const data = Float32Array.from(weights.get(name)!.data as Float32Array);
    data[5] = NaN;
    weights.set(name, { ...weights.get(name)!, data });
    await expect(loadModel(await folderWith(weights))).rejects.toThrow(`tensor "${name}" holds NaN at element 5`);
  });

  describe('of a classifier', () => {
    const source = join(import.meta.dirname, '../../parity/fixtures/models/distilbert');

    /** The fixture's folder with its tensors renamed or left out. */
    async function changed(rename: (name: string) => string | null) {
      const folder = await mkdtemp(join(tmpdir(), 'ratchet-model-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const { tensors } = await readSafetensors(join(source, 'model.safetensors'));
      const renamed = [...tensors].flatMap(([name, tensor]) => {
        const other = rename(name);
        return other === null ? [] : [[other, tensor] as const];
      });
      await copyFile(join(source, 'config.json'), join(folder, 'config.json'));
      await writeSafetensors(join(folder, 'model.safetensors'), new Map(renamed));
      return folder;
    }

    it('is refused when it does not choose one class', async () => {
      const config = JSON.parse(await readFile(join(source, 'config.json'), 'utf8')) as object;
      const read = (problem_type: string | null) => () =>
        parseModelConfig('config.json', JSON.stringify({ ...config, problem_type }));
      expect(read('single_label_classification')).not.toThrow();
      expect(read(null)).not.toThrow();
      expect(read('regression')).toThrow(/field problem_type is "regression"/);
    });

    it('may leave out the prefix and call its norms gamma and beta', async () => {
      const old = (name: string) =>
        name
          .replace(/^distilbert\./, '')
          .replace(/(LayerNorm)\.weight$/, '$1.gamma')
          .replace(/(LayerNorm)\.bias$/, '$1.beta');
      expect((await loadModel(await changed(old))).weights).toEqual((await loadModel(source)).weights);
    });

    it('without a head needs a new one, drawn from the seed', async () => {
      const body = await changed((name) => (name.includes('classifier') ? null : name));
      await expect(loadModel(body)).rejects.toMatchObject({ hint: expect.stringContaining('new head') });
      const newHead = { labels: ['no', 'yes'], seed: 3 };
      const { config, weights } = await loadModel(body, { newHead });
      expect(config).toMatchObject({ labels: ['no', 'yes'] });
      expect(weights.get('classifier.weight')!.shape).toEqual([2, 16]);
      expect(weights.get('classifier.bias')!.data).toEqual(new Float32Array(2));
      const pre = weights.get('pre_classifier.weight')!.data as Float32Array;
      const deviation = Math.sqrt(pre.reduce((sum, x) => sum + x * x, 0) / pre.length);
      expect(Math.abs(deviation - 0.02)).toBeLessThan(0.004);
      expect((await loadModel(body, { newHead })).weights).toEqual(weights);
      const other = await loadModel(body, { newHead: { ...newHead, seed: 4 } });
      expect(other.weights.get('classifier.weight')).not.toEqual(weights.get('classifier.weight'));
    });

    it('is not a language model', async () => {
      const weights = tinyWeights();
      await expect(loadModel(await folderWith(weights), { newHead: { labels: ['a'], seed: 1 } })).rejects.toMatchObject(
        { code: 'E_USAGE' },
      );
    });
  });
});
