import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import type { HostTensor } from '../../../engine/api.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { AdapterSet } from '../../../engine/peft/adapter-set.js';
import { loraFromPeft } from '../../../engine/peft/from-peft.js';
import { loraKey, magnitudeKey } from '../../../engine/peft/keys.js';
import { createLora, type LoraAdapter, type LoraSettings } from '../../../engine/peft/lora.js';
import { mergeLora, unmergeLora } from '../../../engine/peft/merge.js';
import { frozenWeights } from '../../../engine/peft/pissa.js';
import { dequantizeModel, quantizeModel } from '../../../engine/quantization/quantized-weight.js';
import { padRight } from '../../../engine/train/batch-plan.js';
import { evaluateForward, TrainStep } from '../../../engine/train/step.js';
import { TINY_CONFIG, tinyWeights } from '../train/tiny-model.js';

const config = parseModelConfig('tiny', JSON.stringify(TINY_CONFIG));
const weights = tinyWeights();
const settings: LoraSettings = { rank: 3, alpha: 6, dropout: 0, targetModules: 'all-linear' };
const draws = stream(4, 'variants-test');
const rows = Array.from({ length: 8 }, (_, i) => ({
  id: String(i),
  promptLength: 2,
  tokens: Array.from({ length: 6 + draws.integer(6) }, () => draws.integer(TINY_CONFIG.vocab_size)),
}));
const batch = padRight(rows, 8, 64);
const create = (changes: Partial<LoraSettings> = {}) => createLora(config, { ...settings, ...changes }, 1, weights);
const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
const logitsOf = async (of: ReadonlyMap<string, HostTensor>, adapter: LoraAdapter | null = null) =>
  (await evaluateForward({ config, weights: new Map(of), adapter }, batch)).logits;

/** Some steps of training, so that B is not zero. */
async function trained(adapter: LoraAdapter, options: { quantized?: ReturnType<typeof quantizeModel> } = {}) {
  const base = options.quantized ?? { weights, quantized: undefined };
  const step = new TrainStep({ config, ...base, adapter, weightDecay: 0.01, maxGradientNorm: 1, threads: 1 });
  const losses: number[] = [];
  for (let i = 0; i < 4; i++) losses.push((await step.step([batch], 0.05)).loss);
  await step.release();
  return { adapter: { ...adapter, tensors: new Map(step.trainables()) }, losses };
}

const variants: [string, Partial<LoraSettings>][] = [
  ['LoRA', {}],
  ['rank-stabilised LoRA', { useRslora: true }],
  ['DoRA', { useDora: true }],
  ['PiSSA', { initialization: 'pissa' }],
  ['DoRA from PiSSA', { useDora: true, initialization: 'pissa' }],
  ['LoRA with a module saved in full', { modulesToSave: ['norm'] }],
];

describe.each(variants)('%s', (_, changes) => {
  it('T5: starts as the base model', async () => {
    expect(difference(await logitsOf(weights, create(changes)), await logitsOf(weights))).toBeLessThan(1e-5);
  });

  it('gives the same logits merged, learns, and comes out of the weights again', async () => {
    const { adapter, losses } = await trained(create(changes));
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.05);
    const merged = mergeLora(weights, adapter);
    const separate = await logitsOf(weights, adapter);
    expect(difference(await logitsOf(merged), separate)).toBeLessThan(1e-5);
    expect(difference(separate, await logitsOf(weights))).toBeGreaterThan(0.01);
    const restored = unmergeLora(merged, adapter, weights);
    for (const [name, tensor] of frozenWeights(weights, adapter))
      expect(difference(restored.get(name)!.data as Float32Array, tensor.data as Float32Array)).toBeLessThan(1e-5);
  });

  it('comes back from what PEFT would store', () => {
    const adapter = create(changes);
    expect(loraFromPeft(config, { config: adapter.config, tensors: adapter.tensors })).toEqual(adapter);
  });
});

it('DoRA with dropout keeps the base product whole', async () => {
  const adapter = { ...create({ useDora: true }), dropout: 0.5 };
  const step = new TrainStep({ config, weights, adapter, weightDecay: 0, maxGradientNorm: 1, threads: 1 });
  // B is zero and the magnitudes are the rows' own lengths, so that dropped inputs change nothing.
  const { loss } = await step.step([batch], 0);
  const { lossSum, weight } = await step.evaluate(batch);
  expect(Math.abs(loss - lossSum / weight)).toBeLessThan(1e-5);
  await step.release();
});

it('T5: QLoRA trains on codes as LoRA does on the numbers they stand for', async () => {
  const codes = quantizeModel(config, weights);
  const numbers = dequantizeModel(config, codes.weights, codes.quantized);
  const onCodes = await trained(create(), { quantized: codes });
  const plain = new TrainStep({ config, weights: numbers, adapter: create(), weightDecay: 0.01, maxGradientNorm: 1 });
  for (const loss of onCodes.losses) expect(Math.abs((await plain.step([batch], 0.05)).loss - loss)).toBeLessThan(1e-5);
  await plain.release();
  expect([...codes.weights.keys()].filter((name) => codes.quantized.has(name))).toEqual([]);
  expect(codes.quantized.size).toBe(14);
});

it('PiSSA takes the best approximation of its rank out of W', () => {
  const adapter = create({ initialization: 'pissa', targetModules: ['q_proj'] });
  const frozen = frozenWeights(weights, adapter);
  const squares = (of: ReadonlyMap<string, HostTensor>) =>
    (of.get('model.layers.0.self_attn.q_proj.weight')!.data as Float32Array).reduce((sum, x) => sum + x * x, 0);
  const random = create({ targetModules: ['q_proj'] });
  expect(squares(frozen)).toBeLessThan(0.75 * squares(weights));
  expect(frozenWeights(weights, random)).toBe(weights);
});

it('LoRA+ moves B faster than A', async () => {
  const adapter = create({ initialization: 'pissa' });
  const move = async (loraPlusRatio: number, matrix: 'A' | 'B') => {
    const step = new TrainStep({ config, weights, adapter, weightDecay: 0, maxGradientNorm: 1, loraPlusRatio });
    await step.step([batch], 1e-3);
    await step.release();
    const key = loraKey('model.layers.1.mlp.up_proj', matrix);
    return difference(step.trainables().get(key)!.data as Float32Array, adapter.tensors.get(key)!.data as Float32Array);
  };
  expect((await move(8, 'B')) / (await move(1, 'B'))).toBeCloseTo(8, 2);
  expect((await move(8, 'A')) / (await move(1, 'A'))).toBeCloseTo(1, 5);
});

it('averages the micro-batches’ means when told to, and all scored tokens alike otherwise', async () => {
  const parts = [padRight(rows.slice(0, 2), 2, 64), padRight(rows.slice(2, 8), 6, 64)];
  const lossOf = async (accumulation: 'tokens' | 'mean', batches: typeof parts) => {
    const step = new TrainStep({
      config,
      weights,
      adapter: create(),
      weightDecay: 0,
      maxGradientNorm: 1,
      accumulation,
    });
    const { loss } = await step.step(batches, 0);
    await step.release();
    return loss;
  };
  const [first, second] = [await lossOf('tokens', [parts[0]!]), await lossOf('tokens', [parts[1]!])];
  expect(await lossOf('mean', parts)).toBeCloseTo((first + second) / 2, 5);
  expect(await lossOf('tokens', parts)).toBeCloseTo(await lossOf('tokens', [batch]), 5);
  expect(Math.abs((await lossOf('mean', parts)) - (await lossOf('tokens', parts)))).toBeGreaterThan(1e-3);
});

describe('several adapters on one base', () => {
  const set = new AdapterSet(config, weights);

  it('are chosen by name', async () => {
    set.add('first', (await trained(create())).adapter);
    set.add('second', (await trained(create({ targetModules: 'auto', useRslora: true }))).adapter);
    expect(set.names()).toEqual(['first', 'second']);
    expect(set.merged(null)).toBe(weights);
    const [a, b] = [await logitsOf(set.merged('first')), await logitsOf(set.merged('second'))];
    expect(difference(a, b)).toBeGreaterThan(0.01);
    expect(() => set.get('third')).toThrow(/no adapter "third"/);
  });

  it('add up with factors, and the sum is stored as PEFT stores it', () => {
    const sum = set.combine({ first: 0.5, second: -2 });
    const merged = mergeLora(weights, sum);
    const parts = [mergeLora(weights, set.get('first')), mergeLora(weights, set.get('second'))];
    for (const [name, tensor] of weights) {
      const base = tensor.data as Float32Array;
      const [x, y] = parts.map((part) => part.get(name)!.data as Float32Array) as [Float32Array, Float32Array];
      const expected = base.map((value, i) => value + 0.5 * (x[i]! - value) - 2 * (y[i]! - value));
      expect(difference(merged.get(name)!.data as Float32Array, expected)).toBeLessThan(1e-5);
    }
    const back = loraFromPeft(config, { config: sum.config, tensors: sum.tensors });
    expect(back.modules.map(({ name, rank, scale }) => [name, rank, scale]).sort()).toEqual(
      sum.modules.map(({ name, rank, scale }) => [name, rank, scale]).sort(),
    );
  });

  it('do not add up where one is not a plain sum', () => {
    set.add('dora', create({ useDora: true }));
    expect(() => set.combine({ first: 1, dora: 1 })).toThrow(/not a plain sum/);
    expect(() => set.combine({})).toThrow(/no adapter/);
  });
});

it('stores a magnitude for each output under PEFT’s key', () => {
  const { tensors } = create({ useDora: true, targetModules: ['up_proj'] });
  expect(tensors.get(magnitudeKey('model.layers.0.mlp.up_proj'))?.shape).toEqual([24]);
});
