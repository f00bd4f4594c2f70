import { defineFusedKernel, leadingAxes } from './fused-kernel.js';
import { tf } from './tfjs.js';

/** Sums of the rows of `x` times a number each, `[…, 1]`, as a product of matrices: `[features]`. */
function sumOfRows(x: tf.Tensor, factors: tf.Tensor): tf.Tensor {
  const features = x.shape.at(-1)!;
  const sums = tf.matMul(tf.reshape(factors, [1, -1]) as tf.Tensor2D, tf.reshape(x, [-1, features]) as tf.Tensor2D);
  return tf.reshape(sums, [features]);
}

/** Mean over the features of `x` times the gain, `[…, 1]`: a product of matrices is faster than a pass and its mean. */
function meanAlong(x: tf.Tensor, gain: tf.Tensor): tf.Tensor {
  const features = x.shape.at(-1)!;
  const column = tf.reshape(tf.mul(gain, 1 / features), [features, 1]) as tf.Tensor2D;
  const means = tf.matMul(tf.reshape(x, [-1, features]) as tf.Tensor2D, column);
  return tf.reshape(means, [...x.shape.slice(0, -1), 1]);
}

const runLayerNorm = defineFusedKernel({
  name: 'RatchetLayerNorm',
  record: (graph, { x, gain, bias }, { eps }) => {
    const statistics = { type: 'float32' as const, shape: [...x!.shape.slice(0, -1), 1] };
    const operands = [x!, gain!, ...(bias ? [bias] : [])].map((view) => graph.full(view));
    return graph.node('LayerNormalization', operands, [{ type: 'float32', shape: x!.shape }, statistics, statistics], {
      axis: { int: -1 },
      epsilon: { float: eps },
    });
  },
  compose: ({ x, gain, bias }, { eps }) => {
    const mean = tf.mean(x!, -1, true);
    const centred = tf.sub(x!, mean);
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps));
    const scaled = tf.mul(tf.mul(centred, inverse), gain!);
    return [bias ? tf.add(scaled, bias) : scaled, mean, inverse];
  },
  inputsToSave: ['x', 'gain'],
  outputsToSave: [false, true, true],
  gradient: (dy, [x, gain, mean, inverse]) => {
    const centred = () => tf.sub(x!, mean!);
    return {
      x: () => {
        const level = meanAlong(dy, gain!);
        const slope = tf.mul(tf.square(inverse!), meanAlong(tf.mul(dy, centred()), gain!));
        return tf.mul(inverse!, tf.sub(tf.sub(tf.mul(dy, gain!), level), tf.mul(centred(), slope)));
      },
      gain: () => sumOfRows(tf.mul(dy, centred()), inverse!),
      bias: () => tf.sum(dy, leadingAxes(dy.rank)),
    };
  },
});

const runRmsNorm = defineFusedKernel({
  name: 'RatchetRmsNorm',
  record: (graph, { x, gain }, { eps }) => {
    const statistics = { type: 'float32' as const, shape: [...x!.shape.slice(0, -1), 1] };
    const outputs = [{ type: 'float32' as const, shape: x!.shape }, statistics];
    return graph.node('SimplifiedLayerNormalization', [graph.full(x!), graph.full(gain!)], outputs, {
      axis: { int: -1 },
      epsilon: { float: eps },
    });
  },
  compose: ({ x, gain }, { eps }) => {
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x!), -1, true), eps));
    return [tf.mul(tf.mul(x!, inverse), gain!), inverse];
  },
  inputsToSave: ['x', 'gain'],
  outputsToSave: [false, true],
  gradient: (dy, [x, gain, inverse]) => ({
    x: () => {
      const slope = tf.mul(tf.square(inverse!), meanAlong(tf.mul(dy, x!), gain!));
      return tf.mul(inverse!, tf.sub(tf.mul(dy, gain!), tf.mul(x!, slope)));
    },
    gain: () => sumOfRows(tf.mul(dy, x!), inverse!),
  }),
});

/**
 * Layer normalisation over the last axis: `(x − mean) / √(variance + eps) · gain + bias` (Ba et al. 2016).
 * @param x `[…, features]`, rank ≥ 2
 * @param gain `[features]`
 * @param bias `[features]` or null
 */
export function layerNorm(x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor | null, eps: number): tf.Tensor {
  return runLayerNorm({ x, gain, bias }, { eps })[0]!;
}

/**
 * Root-mean-square normalisation over the last axis: `x / √(mean(x²) + eps) · gain` (Zhang & Sennrich 2019).
 * @param x `[…, features]`, rank ≥ 2
 * @param gain `[features]`
 */
export function rmsNorm(x: tf.Tensor, gain: tf.Tensor, eps: number): tf.Tensor {
  return runRmsNorm({ x, gain }, { eps })[0]!;
}
