import { join } from 'node:path';
import type { HostTensor } from '../../engine/api.js';
import { readSafetensors } from '../../engine/formats/safetensors.js';
import type { ModelConfig } from '../../engine/nn/config.js';
import { loadModel } from '../../engine/nn/load-model.js';
import { classify, decode, encode, forward, logits } from '../../engine/nn/model.js';
import { crossEntropySum, Executable, tf, trace } from '../../engine/trace/index.js';
import { floatsOf, integersOf, tensorOf } from './reference-tensors.js';
import { largestDifference, type CaseRecorder } from './report.js';

/** Tolerances of the fixtures' README: one forward in float32, and gradients. */
const FORWARD = 2e-5;
const GRADIENT = 2e-5;
const GRADIENT_RELATIVE = 1e-4;

type Tensors = Record<string, tf.Tensor>;
type Execute = (
  feeds: Record<string, HostTensor>,
  program: (tensors: Tensors) => Tensors,
) => Promise<Record<string, HostTensor>>;

const compiled: Execute = async (feeds, program) => {
  const executable = await Executable.compile(trace(feeds, program));
  try {
    return await executable.run(feeds);
  } finally {
    executable.release();
  }
};

/** Largest excess over `absolute + relative · |expected|`, as a multiple of that bound. */
function relativeExcess(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const bound = GRADIENT + GRADIENT_RELATIVE * Math.abs(expected[i]!);
    const ratio = Math.abs(actual[i]! - expected[i]!) / bound;
    if (!(ratio <= largest)) largest = Number.isNaN(ratio) ? Infinity : ratio;
  }
  return largest;
}

/** The label that each row of the logits predicts: a causal model's row t predicts the label of t + 1. */
function targetsOf(config: ModelConfig, labels: HostTensor): number[] {
  const values = integersOf(labels);
  if (config.kind !== 'decoder') return values;
  const time = labels.shape[1]!;
  return values.map((_, i) => (i % time === time - 1 ? -100 : values[i + 1]!));
}

/** Hidden states, logits `[rows, classes]` and, for an encoder-decoder, the encoder's result. */
function pass(config: ModelConfig, tensors: Tensors): { outputs: Tensors; logits: tf.Tensor } {
  const inputIds = tensors['in.input_ids']!;
  const keyMask = tensors['in.attention_mask']!;
  const named = (states: tf.Tensor[]) => Object.fromEntries(states.map((state, i) => [`hidden.${i}`, state]));
  const rows = (hidden: tf.Tensor) => tf.reshape(hidden, [-1, config.hiddenSize]);
  if (config.kind === 'encoder-decoder') {
    const { hidden: encoded, hiddenStates } = encode(config, tensors, { inputIds, keyMask });
    const decoderIds = tensors['in.decoder_input_ids']!;
    const { hidden } = decode(config, tensors, { decoderIds, encoded, sourceMask: keyMask });
    return {
      outputs: { ...named(hiddenStates), encoder_last_hidden_state: encoded },
      logits: logits(config, tensors, rows(hidden)),
    };
  }
  const { hidden, hiddenStates } = forward(config, tensors, { inputIds, keyMask });
  return {
    outputs: named(hiddenStates),
    logits: config.kind === 'classifier' ? classify(config, tensors, hidden) : logits(config, tensors, rows(hidden)),
  };
}

/** models/ARCHITECTURE: logits, loss, hidden states, gradients and their norm of one batch. */
export async function checkModel(folder: string, record: CaseRecorder, execute: Execute = compiled): Promise<void> {
  const { config, weights } = await loadModel(folder);
  const { tensors: expected } = await readSafetensors(join(folder, 'expected.safetensors'));
  const targets = targetsOf(config, tensorOf(expected, 'labels'));
  const scored = targets.filter((target) => target >= 0).length;
  const feeds: Record<string, HostTensor> = Object.fromEntries(weights);
  for (const name of ['input_ids', 'attention_mask', 'decoder_input_ids']) {
    const tensor = expected.get(name);
    if (tensor) feeds[`in.${name}`] = { ...tensor, dtype: 'int32', data: Int32Array.from(integersOf(tensor)) };
  }
  feeds['in.targets'] = { dtype: 'int32', shape: [targets.length], data: Int32Array.from(targets) };

  const names = [...weights.keys()];
  const results = await execute(feeds, (tensors) => {
    const meanLoss = (...values: tf.Tensor[]): tf.Scalar => {
      const params = { ...tensors, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
      const sum = crossEntropySum(pass(config, params).logits, tensors['in.targets']!);
      return tf.div(sum, scored);
    };
    const { value, grads } = tf.valueAndGrads(meanLoss)(names.map((name) => tensors[name]!));
    const found = pass(config, tensors);
    const gradients = Object.fromEntries(names.map((name, i) => [`grad.${name}`, grads[i]!]));
    return { ...found.outputs, logits: found.logits, loss: tf.reshape(value, [1]), ...gradients };
  });

  let squares = 0;
  for (const name of names) for (const value of results[`grad.${name}`]!.data as Float32Array) squares += value * value;
  results['grad_norm_all'] = { dtype: 'float32', shape: [1], data: Float32Array.of(Math.sqrt(squares)) };
  for (const name of expected.keys()) {
    if (['input_ids', 'attention_mask', 'labels', 'decoder_input_ids'].includes(name)) continue;
    const actual = results[name];
    if (!actual) {
      record.unknown(name, 'the engine gives no such tensor');
      continue;
    }
    const [left, right] = [actual.data as Float32Array, floatsOf(expected, name)];
    if (name.startsWith('grad')) record.within(name, relativeExcess(left, right), 1);
    else record.within(name, largestDifference(left, right), FORWARD);
  }
}
