import { gelu, layerNorm, linear, rmsNorm, type tf } from '../trace/index.js';
import type { LayerContext } from './layer-context.js';
import type { LinearLayout } from './parameters.js';

export { linearModule } from './adapted-linear.js';

/** x·W, or x·Wᵀ for the `out-in` layout; `[rows, in]` to `[rows, out]`. */
export function projectRows(rows: tf.Tensor, weight: tf.Tensor, layout: LinearLayout, bias?: tf.Tensor): tf.Tensor {
  return linear(rows, weight, bias ?? null, { transposeB: layout === 'out-in' });
}

/** The architecture's norm over the features: LayerNorm for gpt2, RMSNorm otherwise. */
export function normalise(context: LayerContext, name: string, rows: tf.Tensor): tf.Tensor {
  const gain = context.parameter(`${name}.weight`);
  const epsilon = context.config.normEpsilon;
  return context.config.architecture === 'gpt2'
    ? layerNorm(rows, gain, context.parameter(`${name}.bias`), epsilon)
    : rmsNorm(rows, gain, epsilon);
}

/** The tanh form of GELU (transformers' `gelu_new`). */
export const geluTanh = (x: tf.Tensor): tf.Tensor => gelu(x, 'tanh');
