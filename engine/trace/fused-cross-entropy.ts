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
 * The softmax of each row and the logarithm of its denominator, `[rows, 1]`: log Σ eˣ = max x − log max softmax(x), since
 * the largest probability is 1 / Σ e^(x − max x). onnxruntime's softmax is one fused pass, its log-softmax by tfjs four.
 */
function softmaxWithNormalizer(logits: tf.Tensor): { probabilities: tf.Tensor; normalizer: tf.Tensor } {
  const probabilities = tf.softmax(logits);
  const largest = tf.log(tf.max(probabilities, 1, true));
  return { probabilities, normalizer: tf.sub(tf.max(logits, 1, true), largest) };
}

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
    const { probabilities, normalizer } = softmaxWithNormalizer(x);
    save([probabilities, scored, index]);
    const picked = tf.sub(runPick({ x, index })[0]!, normalizer);
    const value = tf.reshape(tf.mul(picked, scored), [rows]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const weight = tf.mul(tf.reshape(dy, [rows, 1]), saved[1]!);
      const spread = tf.mul(saved[0]!, tf.neg(weight));
      return runAddAt({ x: spread, index: saved[2], update: weight })[0]!;
    };
    return { value, gradFunc };
  }) as unknown as Parameters<typeof tf.customGrad>[0]);
  return pick(logits);
}

/**
 * {@link crossEntropySum} and its gradient by the logits at once, for a caller that differentiates by hand.
 * @param logits `[rows, classes]` float32
 * @param labels `[rows]` int32
 * @returns the loss, a scalar; `gradient` `[rows, classes]`, softmax − onehot of every row; and `scored` `[rows, 1]`, by
 *   which to multiply whatever is computed from the gradient: 0 in rows with a negative label
 */
export function crossEntropyAndGradient(
  logits: tf.Tensor,
  labels: tf.Tensor,
): { loss: tf.Tensor; gradient: tf.Tensor; scored: tf.Tensor } {
  const rows = labels.shape[0]!;
  const { scored, index } = scoredLabels(labels, rows);
  const { probabilities, normalizer } = softmaxWithNormalizer(logits);
  const picked = tf.sub(runPick({ x: logits, index })[0]!, normalizer);
  return {
    loss: tf.neg(tf.sum(tf.mul(picked, scored))),
    gradient: runAddAt({ x: probabilities, index, update: tf.neg(tf.onesLike(scored)) })[0]!,
    scored,
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
