import { tf } from '../trace/index.js';
import { selfAttend, type LayerResult, type PastLayer } from './attention.js';
import { GPT2_POSITIONS, gpt2Norms } from './config-gpt2.js';
import type { LayerContext } from './layer-context.js';
import { activate, linearModule, lookUp, normalise } from './layers.js';

/** Token rows plus the learned position embedding of each row. */
export function gpt2Embedding(context: LayerContext, tokens: tf.Tensor, positions: tf.Tensor): tf.Tensor {
  return tf.add(tokens, lookUp(context.parameter(GPT2_POSITIONS), positions));
}

/** One GPT-2 block: pre-norm attention over a fused query/key/value projection, then the GELU MLP. */
export function gpt2Layer(
  context: LayerContext,
  layer: number,
  rows: tf.Tensor,
  bias: tf.Tensor,
  past: PastLayer | undefined,
): LayerResult {
  const prefix = `transformer.h.${layer}`;
  const [attentionNorm, mlpNorm] = gpt2Norms(layer);
  const linear = (name: string, x: tf.Tensor) => linearModule(context, `${prefix}.${name}`, x, 'in-out');

  const fused = linear('attn.c_attn', normalise(context, attentionNorm, rows));
  const [query, key, value] = tf.split(fused, 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const attended = selfAttend(context, query, key, value, bias, past);
  const middle = tf.add(rows, linear('attn.c_proj', attended.rows));

  const inner = activate(context.config.activation, linear('mlp.c_fc', normalise(context, mlpNorm, middle)));
  return { rows: tf.add(middle, linear('mlp.c_proj', inner)), fresh: attended.fresh };
}
