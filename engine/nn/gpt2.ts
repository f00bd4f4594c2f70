import { tf } from '../trace/index.js';
import { attend, type LayerResult, type PastLayer } from './attention.js';
import type { LayerContext } from './layer-context.js';
import { geluTanh, linearModule, normalise } from './layers.js';
import { normNames } from './parameters.js';

/** Token rows plus the learned position embedding of each row. */
export function gpt2Embedding(params: Record<string, tf.Tensor>, tokens: tf.Tensor, positions: tf.Tensor): tf.Tensor {
  const flat = tf.reshape(positions, [positions.size]) as tf.Tensor1D;
  return tf.add(tokens, tf.gather(params['transformer.wpe.weight']!, flat));
}

/** One GPT-2 block: pre-norm attention over a fused query/key/value projection, then the GELU MLP. */
export function gpt2Layer(
  context: LayerContext,
  layer: number,
  rows: tf.Tensor,
  bias: tf.Tensor,
  past: PastLayer | undefined,
): LayerResult {
  const { config } = context;
  const prefix = `transformer.h.${layer}`;
  const [attentionNorm, mlpNorm] = normNames(config, layer);
  const linear = (name: string, x: tf.Tensor) => linearModule(context, `${prefix}.${name}`, x, 'in-out');
  const heads = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, config.heads, config.headSize]);

  const fused = linear('attn.c_attn', normalise(context, attentionNorm, rows));
  const [query, key, value] = tf.split(fused, 3, 1).map(heads) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const attended = attend(context, query, key, value, bias, past);
  const middle = tf.add(rows, linear('attn.c_proj', attended.rows));

  const inner = geluTanh(linear('mlp.c_fc', normalise(context, mlpNorm, middle)));
  return { rows: tf.add(middle, linear('mlp.c_proj', inner)), fresh: attended.fresh };
}
