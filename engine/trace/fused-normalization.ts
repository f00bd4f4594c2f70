import { defineFusedKernel, leadingAxes } from './fused-kernel.js';
import { tf } from './tfjs.js';

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
    const normalized = () => tf.mul(tf.sub(x!, mean!), inverse!);
    return {
      x: () => {
        const direct = tf.mul(dy, gain!);
        const unit = normalized();
        const alongUnit = tf.mul(unit, tf.mean(tf.mul(direct, unit), -1, true));
        return tf.mul(inverse!, tf.sub(tf.sub(direct, tf.mean(direct, -1, true)), alongUnit));
      },
      gain: () => tf.sum(tf.mul(dy, normalized()), leadingAxes(dy.rank)),
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
      const direct = tf.mul(dy, gain!);
      const unit = tf.mul(x!, inverse!);
      return tf.mul(inverse!, tf.sub(direct, tf.mul(unit, tf.mean(tf.mul(direct, unit), -1, true))));
    },
    gain: () => tf.sum(tf.mul(dy, tf.mul(x!, inverse!)), leadingAxes(dy.rank)),
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
