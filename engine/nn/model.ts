import { tf } from '../trace/index.js';
import type { AdapterInputs } from './adapters.js';
import { attentionBias, type CacheLayer, type CacheWrite } from './attention.js';
import type { ModelConfig } from './config.js';
import { gpt2Embedding, gpt2Layer } from './gpt2.js';
import { llamaLayer } from './llama.js';
import { createLayerContext } from './layer-context.js';
import { normalise, projectRows } from './layers.js';
import { embeddingName, headName } from './parameters.js';
import { rotaryTables } from './rotary.js';

export type { CacheLayer } from './attention.js';

export interface ForwardInputs {
  /** `[batch, time]` int32. */
  inputIds: tf.Tensor;
  /** `[batch, time]` int32, from 0; any value where padded. */
  positions: tf.Tensor;
  /**
   * Keys that exist, 1 or 0, int32: `[batch, time]` without a cache (the attention mask), `[batch, capacity]` with one;
   * there the keys written by this very call must already be marked. Omit it where no padded key comes before a real
   * query (right padding, no cache).
   */
  keyMask?: tf.Tensor;
  adapters?: AdapterInputs;
  /** One entry a layer, `[batch, keyValueHeads, capacity, headSize]`; the capacity is static. Start with zeros. */
  past?: CacheLayer[];
  /** With `past`: where on the cache's time axis the first of the new keys goes. int32, scalar or `[batch]`. */
  slot?: tf.Tensor;
}

export interface ForwardResult {
  /** `[batch, time, hidden]` after the final norm. */
  hidden: tf.Tensor;
  /** Embedding output, then each layer's output; the last is after the final norm. */
  hiddenStates: tf.Tensor[];
  /** The updated cache; empty without `past`. */
  present: CacheLayer[];
}

/**
 * The decoder: token ids to hidden states, causal. One function for training (no cache), prefill (`past` with time > 1)
 * and decoding (`past` with time 1); a query at cache slot s sees the marked keys at slots ≤ s.
 *
 * @param params every parameter by its Hugging Face name
 */
export function forward(config: ModelConfig, params: Record<string, tf.Tensor>, inputs: ForwardInputs): ForwardResult {
  const { inputIds, positions, keyMask, adapters, past, slot } = inputs;
  const [batch, time] = inputIds.shape as [number, number];
  if (past && !slot) throw new TypeError('a cache needs a slot');
  const context = createLayerContext(config, params, adapters, batch, time);
  const bias = attentionBias({ time, keyMask, slot, capacity: past?.[0]?.key.shape[2] });
  const write: CacheWrite | undefined = past && bias.write;
  const embedded = tf.gather(params[embeddingName(config)]!, tf.reshape(inputIds, [batch * time]) as tf.Tensor1D);
  const gpt2 = config.architecture === 'gpt2';
  const rotary = gpt2 ? undefined : rotaryTables(config, positions);
  let rows = gpt2 ? gpt2Embedding(params, embedded, positions) : embedded;
  const states = [rows];
  const present: CacheLayer[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const cache = past && write ? { past: past[layer]!, write, present } : undefined;
    rows = rotary
      ? llamaLayer(context, layer, rows, rotary, bias.bias, cache)
      : gpt2Layer(context, layer, rows, bias.bias, cache);
    states.push(rows);
  }
  rows = normalise(context, gpt2 ? 'transformer.ln_f' : 'model.norm', rows);
  states[states.length - 1] = rows;
  const shaped = states.map((state) => tf.reshape(state, [batch, time, config.hiddenSize]));
  return { hidden: shaped[shaped.length - 1]!, hiddenStates: shaped, present };
}

/** The language-model head: hidden rows `[rows, hidden]` to logits `[rows, vocabulary]`. */
export function logits(config: ModelConfig, params: Record<string, tf.Tensor>, hiddenRows: tf.Tensor): tf.Tensor {
  return projectRows(hiddenRows, params[headName(config)]!, 'out-in');
}

/** Shape of one layer's key (and value) cache. */
export const cacheShape = (config: ModelConfig, batch: number, capacity: number): number[] => [
  batch,
  config.keyValueHeads,
  capacity,
  config.headSize,
];
