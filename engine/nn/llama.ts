import { tf } from '../trace/index.js';
import { attend, cacheLayer, type LayerResult, type PastLayer } from './attention.js';
import { llamaNorms } from './config-llama.js';
import type { LayerContext } from './layer-context.js';
import { activate, linearModule, normalise } from './layers.js';
import { rotate, type RotaryTables } from './rotary.js';

/**
 * One decoder layer of Llama, Qwen2, Mistral or Phi-3: pre-norm rotary attention, then the gated MLP; rows
 * `[batch · time, hidden]` to the same. Phi-3 has one projection for query, key and value (in this order) and one for
 * gate and up.
 */
export function llamaLayer(
  context: LayerContext,
  layer: number,
  rows: tf.Tensor,
  rotary: RotaryTables,
  bias: tf.Tensor,
  past: PastLayer | undefined,
): LayerResult {
  const { heads, keyValueHeads, headSize, intermediateSize, architecture, activation } = context.config;
  const fused = architecture === 'phi3';
  const prefix = `model.layers.${layer}`;
  const [attentionNorm, mlpNorm] = llamaNorms(layer);
  const linear = (name: string, x: tf.Tensor) => linearModule(context, `${prefix}.${name}`, x);
  const turned = (x: tf.Tensor, count: number) => rotate(tf.reshape(x, [x.shape[0]!, count, headSize]), rotary);

  const normed = normalise(context, attentionNorm, rows);
  const sizes = [heads, keyValueHeads, keyValueHeads].map((count) => count * headSize);
  const [query, key, value] = fused
    ? tf.split(linear('self_attn.qkv_proj', normed), sizes, 1)
    : ['q_proj', 'k_proj', 'v_proj'].map((name) => linear(`self_attn.${name}`, normed));
  const fresh = cacheLayer(context, turned(key!, keyValueHeads), value!);
  const attended = attend(context, turned(query!, heads), fresh, bias, past);
  const middle = tf.add(rows, linear('self_attn.o_proj', attended));

  const input = normalise(context, mlpNorm, middle);
  const [gate, up] = fused
    ? tf.split(linear('mlp.gate_up_proj', input), [intermediateSize, intermediateSize], 1)
    : [linear('mlp.gate_proj', input), linear('mlp.up_proj', input)];
  const gated = tf.mul(activate(activation, gate!), up!);
  return { rows: tf.add(middle, linear('mlp.down_proj', gated)), fresh };
}
