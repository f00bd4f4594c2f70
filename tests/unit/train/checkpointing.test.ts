import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import type { HostTensor } from '../../../engine/api.js';
import { createLora } from '../../../engine/peft/lora.js';
import { quantizeModel } from '../../../engine/quantization/quantized-weight.js';
import { causalObjective } from '../../../engine/objectives/language-model.js';
import { defaultObjective } from '../../../engine/objectives/default-objective.js';
import { trace, type Graph } from '../../../engine/trace/index.js';
import { padRight } from '../../../engine/train/batch-plan.js';
import type { MicroBatch } from '../../../engine/train/loss.js';
import { batchFeeds, gradientProgram } from '../../../engine/train/program.js';
import { TrainStep, type TrainStepOptions } from '../../../engine/train/step.js';
import { TINY_CONFIG } from './tiny-model.js';
import { randomModel, TINY_T5 } from '../nn/random-weights.js';

const GPT2 = { model_type: 'gpt2', vocab_size: 16, n_embd: 16, n_head: 4, n_layer: 3, n_positions: 64 };
const DISTILBERT = {
  model_type: 'distilbert',
  architectures: ['DistilBertForSequenceClassification'],
  vocab_size: 16,
  dim: 16,
  hidden_dim: 24,
  n_heads: 4,
  n_layers: 3,
  max_position_embeddings: 64,
  pad_token_id: 0,
  id2label: { 0: 'no', 1: 'yes' },
};

const T5 = {
  ...TINY_T5,
  num_layers: 3,
  num_decoder_layers: 2,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 16,
};

const modelOf = (shape: object) => randomModel(shape, { scale: 0.2, varyGains: true });

const draws = stream(2, 'rows');
const rows = [20, 7, 12].map((length, i) => ({
  id: `${i}`,
  promptLength: 2,
  tokens: Array.from({ length }, () => 1 + draws.integer(15)),
}));
const causal = padRight(rows, 3, 64);
const answers: MicroBatch = { ...causal, labels: [5, 3, 9, 1, 7, 1, -100, -100, 2, 8, 4, 1] };
const classes: MicroBatch = { ...causal, labels: [0, 1, 1] };
const lora = (config: ReturnType<typeof modelOf>['config'], weights: Map<string, HostTensor>, changes = {}) =>
  createLora(config, { rank: 2, alpha: 4, dropout: 0.3, targetModules: 'all-linear', ...changes }, 5, weights);

/** Two steps with and without checkpointing. */
async function compare(options: Omit<TrainStepOptions, 'weightDecay' | 'maxGradientNorm'>, batch: MicroBatch) {
  const results = [];
  for (const gradientCheckpointing of [false, true]) {
    const step = new TrainStep({ ...options, weightDecay: 0, maxGradientNorm: 1e9, threads: 1, gradientCheckpointing });
    const steps = [await step.step([batch], 0.01), await step.step([batch], 0.01)];
    results.push({
      steps,
      weights: new Map([...step.trainables()].map(([name, { data }]) => [name, Array.from(data, Number)])),
    });
    await step.release();
  }
  return results as [(typeof results)[0], (typeof results)[0]];
}

const gpt2 = modelOf(GPT2);
const llama = modelOf(TINY_CONFIG);
const distilbert = modelOf(DISTILBERT);
const t5 = modelOf(T5);
const { quantized, weights: rest } = quantizeModel(gpt2.config, gpt2.weights);

describe.each<[string, Omit<TrainStepOptions, 'weightDecay' | 'maxGradientNorm'>, MicroBatch]>([
  ['all weights of GPT-2', { ...gpt2, adapter: null }, causal],
  ['all weights of Llama', { ...llama, adapter: null }, causal],
  ['LoRA with dropout', { ...gpt2, adapter: lora(gpt2.config, gpt2.weights) }, causal],
  ['DoRA', { ...llama, adapter: lora(llama.config, llama.weights, { useDora: true }) }, causal],
  ['QLoRA', { config: gpt2.config, weights: rest, quantized, adapter: lora(gpt2.config, gpt2.weights) }, causal],
  [
    'modules saved in full',
    { ...gpt2, adapter: lora(gpt2.config, gpt2.weights, { targetModules: ['c_attn'], modulesToSave: ['c_fc'] }) },
    causal,
  ],
  ['all weights of T5, position biases too', { ...t5, adapter: null }, answers],
  ['LoRA of T5', { ...t5, adapter: lora(t5.config, t5.weights) }, answers],
  ['a DistilBERT classifier', { ...distilbert, adapter: lora(distilbert.config, distilbert.weights) }, classes],
])('checkpointed: %s', (_, options, batch) => {
  it('T10: has the loss, gradients and updates of a training that keeps its activations', async () => {
    const [kept, again] = await compare(options, batch);
    kept.steps.forEach((step, i) => {
      expect(Math.abs(step.loss - again.steps[i]!.loss)).toBeLessThan(1e-5);
      expect(Math.abs(step.gradientNorm - again.steps[i]!.gradientNorm)).toBeLessThan(
        1e-5 * Math.max(1, step.gradientNorm),
      );
    });
    expect(kept.steps[0]!.gradientNorm).toBeGreaterThan(0);
    for (const [name, values] of kept.weights) {
      const other = again.weights.get(name)!;
      expect(Math.max(...values.map((value, i) => Math.abs(value - other[i]!)))).toBeLessThan(1e-4);
    }
  });
});

/** Most bytes alive at once when the nodes run in the order of a depth-first search from the last output, as onnxruntime does. */
function peakBytes({ nodes }: Graph): number {
  const last = new Map<unknown, number>();
  nodes.forEach((node, i) => node.inputs.forEach((value) => last.set(value, i)));
  let live = 0;
  let peak = 0;
  const bytes = (shape: readonly number[]) => 4 * shape.reduce((product, extent) => product * extent, 1);
  nodes.forEach((node, i) => {
    for (const value of node.outputs) if (last.has(value)) live += bytes(value.shape);
    peak = Math.max(peak, live);
    for (const value of new Set(node.inputs)) if (value.producer && last.get(value) === i) live -= bytes(value.shape);
  });
  return peak;
}

it('T10: holds less at once, the more so the deeper the model', () => {
  const graphOf = (layers: number, gradientCheckpointing: boolean) => {
    const { config, weights } = modelOf({ ...GPT2, n_layer: layers });
    const adapter = lora(config, weights);
    const prepared = causalObjective.prepare(causal);
    const feeds = { ...Object.fromEntries([...weights, ...adapter.tensors]), ...batchFeeds(prepared) };
    const names = [...adapter.tensors.keys()];
    return trace(feeds, (tensors) =>
      gradientProgram({ config, adapter, gradientCheckpointing }, defaultObjective(config), names, tensors),
    );
  };
  const ratio = (layers: number) => peakBytes(graphOf(layers, true)) / peakBytes(graphOf(layers, false));
  expect(ratio(6)).toBeLessThan(0.5);
  expect(ratio(12)).toBeLessThan(ratio(6));
});
