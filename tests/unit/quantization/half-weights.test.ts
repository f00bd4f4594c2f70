import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import type { HostTensor } from '../../../engine/api.js';
import { readSafetensors, writeSafetensors } from '../../../engine/formats/safetensors.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { linearModules } from '../../../engine/nn/parameters.js';
import { defaultObjective } from '../../../engine/objectives/default-objective.js';
import { createLora } from '../../../engine/peft/lora.js';
import { floatsOf, halved, halvedParameters, toBFloat16 } from '../../../engine/quantization/half-weights.js';
import { quantizeModel } from '../../../engine/quantization/quantized-weight.js';
import { trace } from '../../../engine/trace/index.js';
import { padRight } from '../../../engine/train/batch-plan.js';
import type { MicroBatch } from '../../../engine/train/loss.js';
import { batchFeeds, gradientProgram } from '../../../engine/train/program.js';
import { TrainStep, type TrainStepOptions } from '../../../engine/train/step.js';
import { trainModel } from '../../../engine/train/train-model.js';
import { TINY_CONFIG, tinySpec, writeTinyModel } from '../train/tiny-model.js';
import { randomModel, TINY_T5 } from '../nn/random-weights.js';

const tensor = (...values: number[]): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

describe('weights that rest in 16 bits', () => {
  it('are rounded to the nearest number, ties to even', () => {
    // 1 + 2⁻⁸ lies between two bfloat16 numbers, 1 + 3·2⁻⁸ too; float16 holds both.
    const values = tensor(1 + 2 ** -8, 1 + 3 * 2 ** -8, -0.1, 0, 2 ** -20);
    expect([...toBFloat16(values.data as Float32Array)].slice(0, 2)).toEqual([1, 1 + 2 ** -6]);
    expect([...floatsOf(halved(values, 'bfloat16'))]).toEqual([1, 1 + 2 ** -6, -0.10009765625, 0, 2 ** -20]);
    expect([...floatsOf(halved(values, 'float16'))].slice(0, 2)).toEqual([1 + 2 ** -8, 1 + 3 * 2 ** -8]);
  });

  it('stay in float32 where float16 cannot hold them', () => {
    for (const value of [65_536, -1e6, NaN, Infinity]) {
      const large = tensor(1, value);
      expect(halved(large, 'bfloat16')).toBe(large);
    }
  });
});

const SHAPES = {
  'GPT-2': { model_type: 'gpt2', vocab_size: 16, n_embd: 16, n_head: 4, n_layer: 3, n_positions: 64 },
  Llama: TINY_CONFIG,
  DistilBERT: {
    model_type: 'distilbert',
    vocab_size: 16,
    dim: 16,
    hidden_dim: 24,
    n_heads: 4,
    n_layers: 2,
    max_position_embeddings: 64,
    pad_token_id: 0,
  },
  T5: TINY_T5,
};

const modelOf = (shape: object) => randomModel(shape, { scale: 0.2, varyGains: true });

type Weights = ReadonlyMap<string, HostTensor>;
const changed = (weights: Weights, names: readonly string[], change: (tensor: HostTensor) => HostTensor) =>
  new Map([...weights].map(([name, held]) => [name, names.includes(name) ? change(held) : held]));
const asFloats = (held: HostTensor): HostTensor => ({ ...held, dtype: 'float32', data: floatsOf(held) });

const draws = stream(2, 'rows');
const rows = [20, 7, 12].map((length, i) => ({
  id: `${i}`,
  promptLength: 2,
  tokens: Array.from({ length }, () => 1 + draws.integer(15)),
}));
const causal = padRight(rows, 3, 64);
const batches: Partial<Record<string, MicroBatch>> = {
  DistilBERT: { ...causal, labels: [0, 1, 1] },
  T5: { ...causal, labels: [5, 3, 9, 1, 7, 1, -100, -100, 2, 8, 4, 1] },
};

async function train(options: Omit<TrainStepOptions, 'weightDecay' | 'maxGradientNorm'>, batch: MicroBatch) {
  const step = new TrainStep({ ...options, weightDecay: 0.01, maxGradientNorm: 1, threads: 1, seed: 3 });
  const steps = [await step.step([batch], 0.01), await step.step([batch], 0.01)];
  const learned = new Map([...step.trainables()].map(([name, { data }]) => [name, Array.from(data, Number)]));
  await step.release();
  return { steps: steps.map(({ loss, gradientNorm }) => ({ loss, gradientNorm })), learned };
}

describe.each([
  ['GPT-2', {}, {}],
  ['GPT-2', { gradientCheckpointing: true }, {}],
  ['Llama', {}, { useDora: true }],
  ['Llama', { gradientCheckpointing: true }, { modulesToSave: ['down_proj'], targetModules: ['q_proj'] }],
  ['DistilBERT', {}, {}],
  ['T5', {}, {}],
  ['T5', { gradientCheckpointing: true }, {}],
] as const)('training a LoRA of %s on them %j %j', (name, options, settings) => {
  const { config, weights } = modelOf(SHAPES[name]);
  const batch = batches[name] ?? causal;
  const adapterOn = (held: Weights) =>
    createLora(config, { rank: 2, alpha: 4, dropout: 0.2, targetModules: 'all-linear', ...settings }, 5, held);

  it.each(['float16', 'bfloat16'] as const)(
    'T10: %s gives the bits of float32 on the rounded weights',
    async (precision) => {
      const half = changed(weights, halvedParameters(config), (held) => halved(held, precision));
      const rounded = changed(half, halvedParameters(config), asFloats);
      const atRest = await train({ config, weights: half, adapter: adapterOn(half), ...options }, batch);
      expect(atRest).toEqual(await train({ config, weights: rounded, adapter: adapterOn(rounded), ...options }, batch));
      const exact = await train({ config, weights, adapter: adapterOn(weights), ...options }, batch);
      expect(atRest.steps[0]!.loss).not.toBe(exact.steps[0]!.loss);
      expect(Math.abs(atRest.steps[0]!.loss / exact.steps[0]!.loss - 1)).toBeLessThan(
        precision === 'float16' ? 0.002 : 0.02,
      );
    },
  );

  it('widens each weight for one use at a time', () => {
    const half = changed(weights, halvedParameters(config), (held) => halved(held, 'float16'));
    const adapter = adapterOn(half);
    const objective = defaultObjective(config);
    const feeds = { ...Object.fromEntries([...half, ...adapter.tensors]), ...batchFeeds(objective.prepare(batch)) };
    const { nodes } = trace(feeds, (tensors) =>
      gradientProgram({ config, adapter, ...options }, objective, [...adapter.tensors.keys()], tensors),
    );
    const casts = nodes.filter(({ op, inputs }) => op === 'Cast' && inputs[0]!.type === 'float16');
    // Straight from the input it would be computed at the start, and shared.
    expect(casts.filter(({ inputs }) => inputs[0]!.input !== undefined)).toEqual([]);
    const modules = new Set(linearModules(config).map((module) => `${module.name}.weight`));
    // DoRA's norm and product read the weight in one go.
    const uses = 'useDora' in settings ? 2 : 1;
    const ofModules = casts.filter(({ inputs }) => modules.has(inputs[0]!.producer!.inputs[0]!.input ?? ''));
    const trained = adapter.savedParameters.filter((parameter) => modules.has(parameter)).length;
    expect(ofModules.length).toBeGreaterThan(modules.size - trained);
    for (const { outputs } of ofModules)
      expect(nodes.filter((node) => node.inputs.includes(outputs[0]!)).length).toBeLessThanOrEqual(uses);
  });
});

it('T10: what QLoRA does not pack rests in 16 bits, too', async () => {
  const { config, weights } = modelOf(SHAPES['GPT-2']);
  const { weights: rest, quantized } = quantizeModel(config, weights);
  const half = changed(rest, halvedParameters(config), (held) => halved(held, 'float16'));
  const settings = { rank: 2, alpha: 4, dropout: 0, targetModules: 'all-linear' } as const;
  const run = (held: Weights) =>
    train({ config, weights: held, quantized, adapter: createLora(config, settings, 5) }, causal);
  expect([...half.values()].filter(({ dtype }) => dtype === 'float16').length).toBe(1);
  expect(await run(half)).toEqual(await run(changed(half, halvedParameters(config), asFloats)));
});

it('T10: a run with precision bfloat16 writes the adapter of a float32 run on the rounded model', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-half-'));
  try {
    await writeTinyModel(folder);
    const spec = tinySpec(folder);
    const { parameters } = spec;
    const half = await trainModel(
      { ...spec, outputDir: join(folder, 'half'), parameters: { ...parameters, precision: 'bfloat16' } },
      {},
      { threads: 1 },
    );
    const { config, weights } = await loadModel(spec.modelDir, { precision: 'bfloat16' });
    const names = halvedParameters(config);
    expect(names.every((name) => weights.get(name)!.dtype === 'float16')).toBe(true);
    const file = join(spec.modelDir, 'model.safetensors');
    const { tensors } = await readSafetensors(file);
    await writeSafetensors(file, new Map([...tensors.keys()].map((name) => [name, asFloats(weights.get(name)!)])));
    const rounded = await trainModel({ ...spec, outputDir: join(folder, 'rounded') }, {}, { threads: 1 });
    expect(half.sha256).toBe(rounded.sha256);
    const refused = {
      ...spec,
      strategy: 'full' as const,
      parameters: { ...parameters, precision: 'float16' as const },
    };
    await expect(trainModel(refused)).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
    const named = { ...parameters, initialization: 'pissa' as const };
    const pissa = await trainModel({ ...spec, outputDir: join(folder, 'pissa'), parameters: named });
    const precision = 'bfloat16' as const;
    for (const changes of [
      { parameters: { ...named, precision } },
      { parameters: { ...parameters, precision }, initialAdapterDir: pissa.outputDir },
    ])
      await expect(trainModel({ ...spec, outputDir: join(folder, 'no'), ...changes })).rejects.toMatchObject({
        code: 'E_CONFIG_INVALID',
        message: expect.stringContaining('PiSSA') as string,
      });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
