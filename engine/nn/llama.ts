import { rotate, tf } from '../trace/index.js';
import { selfAttend, type LayerResult, type PastLayer } from './attention.js';
import { llamaNorms } from './config-llama.js';
import type { LayerContext } from './layer-context.js';
import { activate, linearModule, normalise } from './layers.js';
import type { RotaryTables } from './rotary.js';

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
  const turned = (x: tf.Tensor, count: number) => rotate(x, rotary.cosine, rotary.sine, count);

  const normed = normalise(context, attentionNorm, rows);
  const sizes = [heads, keyValueHeads, keyValueHeads].map((count) => count * headSize);
  const [query, key, value] = fused
    ? tf.split(linear('self_attn.qkv_proj', normed), sizes, 1)
    : ['q_proj', 'k_proj', 'v_proj'].map((name) => linear(`self_attn.${name}`, normed));
  const [turnedQuery, turnedKey] = [turned(query!, heads), turned(key!, keyValueHeads)];
  const attended = selfAttend(context, turnedQuery, turnedKey, value!, bias, past);
  const middle = tf.add(rows, linear('self_attn.o_proj', attended.rows));

  const input = normalise(context, mlpNorm, middle);
  const [gate, up] = fused
    ? tf.split(linear('mlp.gate_up_proj', input), [intermediateSize, intermediateSize], 1)
    : [linear('mlp.gate_proj', input), linear('mlp.up_proj', input)];
  const gated = tf.mul(activate(activation, gate!), up!);
  return { rows: tf.add(middle, linear('mlp.down_proj', gated)), fresh: attended.fresh };
}
