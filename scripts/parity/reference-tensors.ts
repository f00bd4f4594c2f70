import type { HostTensor } from '../../engine/api.js';
import type { MicroBatch } from '../../engine/train/step.js';

/** A tensor that the fixture must have. */
export function tensorOf(tensors: ReadonlyMap<string, HostTensor>, name: string): HostTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`the fixture has no tensor "${name}"`);
  return tensor;
}

/** A float tensor's values. */
export function floatsOf(tensors: ReadonlyMap<string, HostTensor>, name: string): Float32Array {
  const { data } = tensorOf(tensors, name);
  if (!(data instanceof Float32Array)) throw new Error(`the fixture's tensor "${name}" is not float32`);
  return data;
}

/** Token ids of any integer type. */
export const integersOf = (tensor: HostTensor): number[] =>
  Array.from(tensor.data as Iterable<number | bigint>, Number);

/**
 * The batch stored as `PREFIXinput_ids`, `PREFIXattention_mask` and `PREFIXlabels`: `[batch, time]`, or
 * `[micro-batches, batch, time]` of which one is taken. Labels may be of another length, or one a row.
 */
export function batchOf(tensors: ReadonlyMap<string, HostTensor>, prefix = '', microBatch = 0): MicroBatch {
  const { shape } = tensorOf(tensors, `${prefix}input_ids`);
  const [batch, time] = shape.slice(-2) as [number, number];
  const microBatches = tensorOf(tensors, `${prefix}input_ids`).data.length / (batch * time);
  const part = (name: string): number[] => {
    const values = integersOf(tensorOf(tensors, `${prefix}${name}`));
    const size = values.length / microBatches;
    return values.slice(microBatch * size, (microBatch + 1) * size);
  };
  return {
    batch,
    time,
    inputIds: part('input_ids'),
    attentionMask: part('attention_mask'),
    labels: part('labels'),
  };
}
