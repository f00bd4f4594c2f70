import { silu, tf } from '../trace/index.js';
import { attend, type LayerResult, type PastLayer } from './attention.js';
import type { LayerContext } from './layer-context.js';
import { linearModule, normalise } from './layers.js';
import { normNames } from './parameters.js';
import { rotate, type RotaryTables } from './rotary.js';

/** One Llama decoder layer: pre-norm rotary attention, then the gated MLP; rows `[batch · time, hidden]` to the same. */
export function llamaLayer(
  context: LayerContext,
  layer: number,
  rows: tf.Tensor,
  rotary: RotaryTables,
  bias: tf.Tensor,
  past: PastLayer | undefined,
): LayerResult {
  const { config } = context;
  const prefix = `model.layers.${layer}`;
  const [attentionNorm, mlpNorm] = normNames(config, layer);
  const linear = (name: string, x: tf.Tensor) => linearModule(context, `${prefix}.${name}`, x, 'out-in');
  const heads = (x: tf.Tensor, count: number) => tf.reshape(x, [x.shape[0]!, count, config.headSize]);

  const normed = normalise(context, attentionNorm, rows);
  const query = rotate(heads(linear('self_attn.q_proj', normed), config.heads), rotary);
  const key = rotate(heads(linear('self_attn.k_proj', normed), config.keyValueHeads), rotary);
  const value = heads(linear('self_attn.v_proj', normed), config.keyValueHeads);
  const attended = attend(context, query, key, value, bias, past);
  const middle = tf.add(rows, linear('self_attn.o_proj', attended.rows));

  const input = normalise(context, mlpNorm, middle);
  const gated = tf.mul(silu(linear('mlp.gate_proj', input)), linear('mlp.up_proj', input));
  return { rows: tf.add(middle, linear('mlp.down_proj', gated)), fresh: attended.fresh };
}
