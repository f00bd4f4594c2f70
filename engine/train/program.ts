import type { HostTensor } from '../api.js';
import type { AdapterInputs } from '../nn/adapters.js';
import type { ModelConfig } from '../nn/config.js';
import { forward } from '../nn/model.js';
import type { LoraAdapter } from '../peft/lora.js';
import { adaptedParameters, adapterInputs } from '../peft/adapter-inputs.js';
import { dropout, tf } from '../trace/index.js';
import { causalLossSum, type MicroBatch, type Supervision } from './loss.js';

type Tensors = Record<string, tf.Tensor>;

/** Names of the fed batch tensors; no parameter is called so. */
const IDS = 'batch.inputIds';
const MASK = 'batch.keyMask';
const POSITIONS = 'batch.positions';
const ROWS = 'batch.rows';
const TARGETS = 'batch.targets';
const WEIGHT = 'batch.lossWeight';
const DRAW = 'batch.draw';

export const LOSS = 'loss';
/** Output name of a parameter's gradient. */
export const gradientName = (parameter: string): string => `gradient:${parameter}`;

/** What does not change between the batches of a run. */
export interface ProgramModel {
  config: ModelConfig;
  adapter: LoraAdapter | null;
}

/** The tensors of one batch as graph inputs. */
export function batchFeeds(
  batch: MicroBatch,
  supervision: Supervision,
  { lossWeight = 1, draw = [0, 0] as readonly [number, number] } = {},
): Record<string, HostTensor> {
  const { batch: size, time } = batch;
  const grid = (values: ArrayLike<number>): HostTensor => ({
    dtype: 'int32',
    shape: [size, time],
    data: Int32Array.from(values),
  });
  const list = (data: Int32Array): HostTensor => ({ dtype: 'int32', shape: [data.length], data });
  const positions = new Int32Array(size * time).map((_, i) => i % time);
  return {
    [IDS]: grid(batch.inputIds),
    [MASK]: grid(batch.attentionMask),
    [POSITIONS]: { dtype: 'int32', shape: [size, time], data: positions },
    [ROWS]: list(supervision.rows),
    [TARGETS]: list(supervision.targets),
    [WEIGHT]: { dtype: 'float32', shape: [], data: Float32Array.of(lossWeight) },
    [DRAW]: list(Int32Array.of(...draw)),
  };
}

/** Distinguishes graphs of different shapes. */
export const shapeKey = (batch: MicroBatch, supervision: Supervision): string =>
  `${batch.batch}x${batch.time}:${supervision.rows.length}`;

function adapters(adapter: LoraAdapter | null, tensors: Tensors, training: boolean): AdapterInputs | undefined {
  if (!adapter) return undefined;
  if (!training || adapter.dropout === 0) return adapterInputs(adapter, tensors);
  return adapterInputs(adapter, tensors, (rows, purpose) => dropout(rows, adapter.dropout, tensors[DRAW]!, purpose));
}

function run({ config, adapter }: ProgramModel, tensors: Tensors, training: boolean) {
  return forward(config, adaptedParameters(adapter, tensors), {
    inputIds: tensors[IDS]!,
    positions: tensors[POSITIONS]!,
    keyMask: tensors[MASK]!,
    adapters: adapters(adapter, tensors, training),
  });
}

/** Weighted sum of the token losses of a batch; without dropout unless training. */
export function lossProgram(model: ProgramModel, tensors: Tensors, training = false): Record<string, tf.Tensor> {
  const { hidden } = run(model, tensors, training);
  const sum = causalLossSum(
    model.config,
    adaptedParameters(model.adapter, tensors),
    hidden,
    tensors[ROWS]!,
    tensors[TARGETS]!,
  );
  return { [LOSS]: tf.mul(sum, tensors[WEIGHT]!) };
}

/** {@link lossProgram} with dropout, and the gradient of the weighted loss by each trainable parameter. */
export function gradientProgram(
  model: ProgramModel,
  trainable: readonly string[],
  tensors: Tensors,
): Record<string, tf.Tensor> {
  const differentiate = tf.valueAndGrads((...values: tf.Tensor[]) => {
    const params = { ...tensors };
    trainable.forEach((name, i) => (params[name] = values[i]!));
    return lossProgram(model, params, true)[LOSS] as tf.Scalar;
  });
  const { value, grads } = differentiate(trainable.map((name) => tensors[name]!));
  const outputs: Record<string, tf.Tensor> = { [LOSS]: value };
  trainable.forEach((name, i) => (outputs[gradientName(name)] = grads[i]!));
  return outputs;
}

/** The hidden states after the embedding and each layer, as `hidden.<i>`, `[batch, time, hidden]`. */
export function hiddenStatesProgram(model: ProgramModel, tensors: Tensors): Record<string, tf.Tensor> {
  const { hiddenStates } = run(model, tensors, false);
  return Object.fromEntries(hiddenStates.map((state, i) => [`hidden.${i}`, state]));
}
