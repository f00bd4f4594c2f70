import { defineFusedKernel } from './fused-kernel.js';
import { computedAfter } from './fused-order.js';
import { tf } from './tfjs.js';

type CustomGradient = Parameters<typeof tf.customGrad>[0];

/**
 * A function of one tensor from its value and its derivative. The derivative is computed with the value, and before it
 * goes on, so that it is all that is kept for the backward pass.
 */
function differentiable(compute: (x: tf.Tensor) => { y: tf.Tensor; slope: tf.Tensor }): (x: tf.Tensor) => tf.Tensor {
  const custom = (x: tf.Tensor, save: (tensors: tf.Tensor[]) => void) => {
    const { y, slope } = compute(x);
    save([slope]);
    return {
      value: computedAfter(y, slope),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0]!),
    };
  };
  return tf.customGrad(custom as unknown as CustomGradient);
}

const SLOPE = 2 * Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/** x·σ(z) with z = x·(s + s·c·x²): `0.5x(1 + tanh(z/2))` written with the sigmoid, whose derivative reuses its value. */
const geluTanh = differentiable((x) => {
  const squared = tf.mul(x, x);
  const gate = tf.sigmoid(tf.mul(x, tf.add(tf.mul(squared, SLOPE * CUBIC), SLOPE)));
  const y = tf.mul(x, gate);
  const inner = tf.mul(tf.mul(y, tf.sub(1, gate)), tf.add(tf.mul(squared, 3 * SLOPE * CUBIC), SLOPE));
  return { y, slope: tf.add(gate, inner) };
});

const geluErf = differentiable((x) => {
  const cumulative = tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5);
  const density = tf.mul(tf.exp(tf.mul(tf.mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return { y: tf.mul(x, cumulative), slope: tf.add(cumulative, tf.mul(x, density)) };
});

/**
 * Gaussian error linear unit (Hendrycks & Gimpel 2016), any shape. `tanh` is the approximation GPT-2 uses (`gelu_new`),
 * `erf` the exact form.
 */
export function gelu(x: tf.Tensor, form: 'tanh' | 'erf'): tf.Tensor {
  return form === 'tanh' ? geluTanh(x) : geluErf(x);
}

const runSilu = defineFusedKernel({
  name: 'RatchetSilu',
  record: (graph, { x }) =>
    graph.emit(
      'QuickGelu',
      [graph.full(x!)],
      { type: 'float32', shape: x!.shape },
      { alpha: { float: 1 } },
      'com.microsoft',
    ),
  compose: ({ x }) => tf.mul(x!, tf.sigmoid(x!)),
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradient: (dy, [x, y]) => ({
    x: () => tf.mul(dy, tf.add(y!, tf.mul(tf.sigmoid(x!), tf.sub(1, y!)))),
  }),
});

/** `x · σ(x)`, also called swish, any shape. Its derivative is y + σ(x) · (1 − y). */
export const silu = (x: tf.Tensor): tf.Tensor => runSilu({ x })[0]!;
