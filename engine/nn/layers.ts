import { gelu, halfRows, isHalf, layerNorm, rmsNorm, silu, tf } from '../trace/index.js';
import type { Activation } from './config.js';
import type { LayerContext } from './layer-context.js';

export { linearModule } from './adapted-linear.js';

/** The architecture's norm over the features: LayerNorm or RMSNorm. */
export function normalise(context: LayerContext, name: string, rows: tf.Tensor): tf.Tensor {
  const gain = context.parameter(`${name}.weight`);
  const { norm, normEpsilon } = context.config;
  return norm === 'layer'
    ? layerNorm(rows, gain, context.parameter(`${name}.bias`), normEpsilon)
    : rmsNorm(rows, gain, normEpsilon);
}

export function activate(kind: Activation, x: tf.Tensor): tf.Tensor {
  if (kind === 'relu') return tf.relu(x);
  return kind === 'silu' ? silu(x) : gelu(x, kind === 'gelu-erf' ? 'erf' : 'tanh');
}

/**
 * Rows of an embedding table.
 *
 * @param ids int32 of any shape
 * @param frozenRow a row that gets no gradient, as PyTorch's `padding_idx`; null for none
 * @returns `[ids, features]`
 */
export function lookUp(table: tf.Tensor, ids: tf.Tensor, frozenRow: number | null = null): tf.Tensor {
  const flat = tf.reshape(ids, [ids.size]) as tf.Tensor1D;
  if (isHalf(table)) return halfRows(table, flat);
  if (frozenRow === null) return tf.gather(table, flat);
  const rows = table.shape[0]!;
  const look = tf.customGrad(((weights: tf.Tensor) => ({
    value: tf.gather(weights, flat),
    gradFunc: (dy: tf.Tensor) => {
      const counted = tf.cast(tf.notEqual(flat, tf.scalar(frozenRow, 'int32')), 'float32');
      return tf.unsortedSegmentSum(tf.mul(dy, tf.reshape(counted, [ids.size, 1])), flat, rows);
    },
  })) as unknown as Parameters<typeof tf.customGrad>[0]);
  return look(table);
}
