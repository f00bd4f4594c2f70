import { defineFusedKernel } from './fused-kernel.js';
import { linear, linearOfFewRows } from './fused-matrix.js';
import type { Value } from './graph.js';
import { recorder } from './recorder.js';
import { tf } from './tfjs.js';

/** The float16 input that a recorded tensor is the float32 form of; null of any other tensor. */
function halfSource(value: Value): Value | null {
  const source = value.producer?.op === 'Cast' ? value.producer.inputs[0] : undefined;
  return source?.input !== undefined && source.type === 'float16' ? source : null;
}

/**
 * Whether a tensor of a recording is an input that rests in 16 bits. Used as it is, it is widened once, and its float32 form
 * lives as long as anything uses it; {@link widened} and the others make a form for one use.
 */
export const isHalf = (tensor: tf.Tensor): boolean =>
  recorder.recording !== null && halfSource(recorder.viewOf(tensor).value) !== null;

const runWiden = defineFusedKernel({
  name: 'RatchetWiden',
  record: (graph, { x, other }) => {
    const source = halfSource(x!.value)!;
    const late = graph.reshapedAfter({ value: source, shape: x!.shape }, other!);
    return graph.cast(late, 'float32');
  },
  compose: ({ x }) => tf.clone(x!),
  inputsToSave: ['other'],
  gradient: (dy, [other]) => ({ x: () => tf.zeros(dy.shape), other: () => tf.zeros(other!.shape) }),
});

/**
 * The float32 form of a 16-bit input for one use, made only once `other` is computed. Without that onnxruntime would share
 * one form between forward and backward pass, and keep those of all layers. What rests in 16 bits is frozen: the gradient is zero.
 */
export const widened = (x: tf.Tensor, other: tf.Tensor): tf.Tensor => runWiden({ x, other })[0]!;

const runRows = defineFusedKernel({
  name: 'RatchetHalfRows',
  record: (graph, { table, ids }) => {
    const source = halfSource(table!.value)!;
    const shape = [ids!.shape[0]!, source.shape[1]!];
    return graph.cast(graph.emit('Gather', [source, graph.full(ids!)], { type: 'float16', shape }), 'float32');
  },
  compose: ({ table, ids }) => tf.gather(table!, ids as tf.Tensor1D),
});

/** Rows of a frozen table that rests in 16 bits: only they are widened. */
export const halfRows = (table: tf.Tensor, ids: tf.Tensor): tf.Tensor => runRows({ table, ids })[0]!;

/**
 * {@link linear} with a weight of the model, which may rest in 16 bits: the same product of the same numbers, but then its
 * gradient reaches x alone.
 *
 * @param fewRows whether the rows are so few that {@link linearOfFewRows} is faster
 */
export function project(
  x: tf.Tensor,
  w: tf.Tensor,
  bias: tf.Tensor | null,
  { transposeB = false, fewRows = false }: { transposeB?: boolean; fewRows?: boolean } = {},
): tf.Tensor {
  if (!isHalf(w)) return (fewRows ? linearOfFewRows : linear)(x, w, bias, { transposeB });
  const product = tf.customGrad(((rows: tf.Tensor) => ({
    value: linear(rows, widened(w, rows), bias, { transposeB }),
    gradFunc: (dy: tf.Tensor) => linear(dy, widened(w, dy), null, { transposeB: !transposeB }),
  })) as unknown as Parameters<typeof tf.customGrad>[0]);
  return product(x);
}
