import type { HostTensor } from '../api.js';
import type { AdapterInputs } from '../nn/adapters.js';
import type { ModelConfig } from '../nn/config.js';
import { forward, type ForwardResult } from '../nn/model.js';
import { adaptedParameters, adapterInputs } from '../peft/adapter-inputs.js';
import type { LoraAdapter } from '../peft/lora.js';
import { dropout, type tf } from '../trace/index.js';
import type { MicroBatch } from '../train/loss.js';

export type Tensors = Record<string, tf.Tensor>;

/** What does not change between the batches of a run. */
export interface ProgramModel {
  config: ModelConfig;
  adapter: LoraAdapter | null;
  /** Compute each layer again in the backward pass instead of keeping its activations. */
  gradientCheckpointing?: boolean;
}

/** A batch as graph inputs, and what its loss counts. */
export interface PreparedBatch {
  feeds: Record<string, HostTensor>;
  /** What the loss is a mean over: scored tokens, rows or pairs. */
  weight: number;
  /** Scored tokens. */
  tokens: number;
  /** Tells graphs of different shapes apart. */
  shape: string;
}

/** Sums of a batch, by name; divided by the weight they are means. */
export type Measures = Record<string, number>;

/** What a training minimises. */
export interface Objective {
  /** Tells the graphs of different objectives and settings apart. */
  key: string;
  /** Fed beside every batch: a teacher's weights. */
  constants: Record<string, HostTensor>;
  prepare(batch: MicroBatch): PreparedBatch;
  /**
   * The loss summed over what {@link PreparedBatch.weight} counts, a scalar, and anything else worth reading.
   *
   * @param training with dropout
   */
  compute(model: ProgramModel, tensors: Tensors, training: boolean): Tensors & { loss: tf.Tensor };
  /** Sums to report beside the loss, from the other outputs of `compute`. */
  measure?(batch: MicroBatch, outputs: Record<string, Float32Array>): Measures;
}

/** Names of the fed batch tensors; no parameter is called so. */
export const inputs = {
  ids: 'batch.inputIds',
  mask: 'batch.keyMask',
  positions: 'batch.positions',
  segments: 'batch.segments',
  decoderIds: 'batch.decoderIds',
  rows: 'batch.rows',
  targets: 'batch.targets',
  weight: 'batch.lossWeight',
  draw: 'batch.draw',
} as const;

export const integers = (shape: number[], values: ArrayLike<number>): HostTensor => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
});

export const floats = (shape: number[], values: ArrayLike<number>): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

/** Token ids, mask and positions of a batch, and its segments where rows are packed, each `[batch, time]`. */
export function tokenFeeds(micro: MicroBatch): Record<string, HostTensor> {
  const { batch, time, inputIds, attentionMask, segments } = micro;
  const positions = new Int32Array(batch * time);
  for (let i = 0; i < positions.length; i++) {
    const continues = i % time !== 0 && (!segments || segments[i] === segments[i - 1]);
    positions[i] = continues ? positions[i - 1]! + 1 : 0;
  }
  return {
    ...(segments && { [inputs.segments]: integers([batch, time], segments) }),
    [inputs.ids]: integers([batch, time], inputIds),
    [inputs.mask]: integers([batch, time], attentionMask),
    [inputs.positions]: integers([batch, time], positions),
  };
}

/** The LoRA matrices of a pass; with dropout while training. */
export function passAdapters(
  { adapter }: ProgramModel,
  tensors: Tensors,
  training: boolean,
): AdapterInputs | undefined {
  if (!adapter) return undefined;
  if (!training || adapter.dropout === 0) return adapterInputs(adapter, tensors);
  const draw = tensors[inputs.draw]!;
  return adapterInputs(adapter, tensors, (rows, purpose) => dropout(rows, adapter.dropout, draw, purpose));
}

/** The forward pass over the fed batch. */
export function passBatch(model: ProgramModel, tensors: Tensors, training: boolean): ForwardResult {
  const { adapter, gradientCheckpointing } = model;
  const isTrainable = (parameter: string) => adapter === null || adapter.savedParameters.includes(parameter);
  return forward(model.config, adaptedParameters(adapter, tensors), {
    inputIds: tensors[inputs.ids]!,
    positions: tensors[inputs.positions]!,
    keyMask: tensors[inputs.mask]!,
    segments: tensors[inputs.segments],
    adapters: passAdapters(model, tensors, training),
    ...(training && gradientCheckpointing && { recompute: isTrainable }),
    ...(tensors[inputs.decoderIds] && { decoderIds: tensors[inputs.decoderIds] }),
  });
}
