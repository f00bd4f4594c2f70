import { defineFusedKernel } from './fused-kernel.js';
import { tf } from './tfjs.js';

/** `x[row, index[row]]` as `[rows, 1]`. */
const runPick = defineFusedKernel({
  name: 'RatchetPick',
  record: (graph, { x, index }) =>
    graph.emit(
      'GatherElements',
      [graph.full(x!), graph.full(index!)],
      { type: 'float32', shape: index!.shape },
      { axis: { int: 1 } },
    ),
  compose: ({ x, index }) => tf.sum(tf.mul(x!, oneHotRows(index!, x!.shape[1]!)), 1, true),
});

/** Adds `update[row]` to `x[row, index[row]]`. */
const runAddAt = defineFusedKernel({
  name: 'RatchetAddAt',
  record: (graph, { x, index, update }) =>
    graph.emit(
      'ScatterElements',
      [graph.full(x!), graph.full(index!), graph.full(update!)],
      { type: 'float32', shape: x!.shape },
      { axis: { int: 1 }, reduction: { string: 'add' } },
    ),
  compose: ({ x, index, update }) => tf.add(x!, tf.mul(update!, oneHotRows(index!, x!.shape[1]!))),
});

const oneHotRows = (index: tf.Tensor, depth: number): tf.Tensor =>
  tf.oneHot(tf.reshape(index, [-1]) as tf.Tensor1D, depth) as tf.Tensor;

/** 1 where a label counts, and the labels with 0 where they do not, both `[rows, 1]`. */
const scoredLabels = (labels: tf.Tensor, rows: number) => ({
  scored: tf.reshape(tf.cast(tf.greaterEqual(labels, tf.scalar(0, 'int32')), 'float32'), [rows, 1]),
  index: tf.reshape(tf.maximum(labels, tf.scalar(0, 'int32')), [rows, 1]),
});

/**
 * Natural-log probability of each row's label under the softmax of its logits; 0 where the label is negative (−100 is the
 * usual mark). The gradient `onehot − softmax` is formed without a second softmax.
 * @param logits `[rows, classes]` float32
 * @param labels `[rows]` int32
 * @returns `[rows]`
 */
export function pickLogProbabilities(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  const rows = labels.shape[0]!;
  const { scored, index } = scoredLabels(labels, rows);
  const pick = tf.customGrad(((x: tf.Tensor, save: (tensors: tf.Tensor[]) => void) => {
    const logProbabilities = tf.logSoftmax(x);
    save([logProbabilities, scored, index]);
    const value = tf.reshape(tf.mul(runPick({ x: logProbabilities, index })[0]!, scored), [rows]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const weight = tf.mul(tf.reshape(dy, [rows, 1]), saved[1]!);
      const spread = tf.mul(tf.exp(saved[0]!), tf.neg(weight));
      return runAddAt({ x: spread, index: saved[2], update: weight })[0]!;
    };
    return { value, gradFunc };
  }) as unknown as Parameters<typeof tf.customGrad>[0]);
  return pick(logits);
}

/**
 * {@link crossEntropySum} and its gradient by the logits (softmax − onehot, 0 in rows with a negative label) at once, for
 * a caller that differentiates by hand.
 * @param logits `[rows, classes]` float32
 * @param labels `[rows]` int32
 * @returns a scalar, and `[rows, classes]`
 */
export function crossEntropyAndGradient(
  logits: tf.Tensor,
  labels: tf.Tensor,
): { loss: tf.Tensor; gradient: tf.Tensor } {
  const rows = labels.shape[0]!;
  const { scored, index } = scoredLabels(labels, rows);
  const logProbabilities = tf.logSoftmax(logits);
  const picked = runPick({ x: logProbabilities, index })[0]!;
  const spread = tf.mul(tf.exp(logProbabilities), scored);
  return {
    loss: tf.neg(tf.sum(tf.mul(picked, scored))),
    gradient: runAddAt({ x: spread, index, update: tf.neg(scored) })[0]!,
  };
}

/**
 * Sum of the negative log likelihoods of the labels; rows with a negative label (−100) do not count. Divide by the number of
 * scored rows for the mean that PyTorch's `cross_entropy` reports.
 * @param logits `[rows, classes]` float32
 * @param labels `[rows]` int32
 * @returns a scalar
 */
export function crossEntropySum(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  return tf.neg(tf.sum(pickLogProbabilities(logits, labels)));
}
