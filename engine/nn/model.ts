import { tf } from '../trace/index.js';
import type { AdapterInputs } from './adapters.js';
import { causalBias, keyBias, type CacheLayer } from './attention.js';
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
   * int32 `[batch, time]`, 1 where a token is, 0 where padding. Omit it where no padded key comes before a real query
   * (right padding).
   */
  keyMask?: tf.Tensor;
  adapters?: AdapterInputs;
  /** Keys and values of earlier tokens, one entry a layer, `[batch, keyValueHeads, slots, headSize]`. */
  past?: CacheLayer[];
  /** With `past`: int32 `[batch, slots]`, 1 where a slot holds a key. */
  pastMask?: tf.Tensor;
}

export interface ForwardResult {
  /** `[batch, time, hidden]` after the final norm. */
  hidden: tf.Tensor;
  /** Embedding output, then each layer's output; the last is after the final norm. */
  hiddenStates: tf.Tensor[];
  /** Each layer's keys and values of this call's tokens, `[batch, keyValueHeads, time, headSize]`: a decoder's cache. */
  fresh: CacheLayer[];
}

/**
 * The decoder: token ids to hidden states, causal. One function for training, for a prompt (both without `past`) and for
 * the tokens after it (with `past`).
 *
 * @param params every parameter by its Hugging Face name
 */
export function forward(config: ModelConfig, params: Record<string, tf.Tensor>, inputs: ForwardInputs): ForwardResult {
  const { inputIds, positions, keyMask, adapters, past, pastMask } = inputs;
  const [batch, time] = inputIds.shape as [number, number];
  if (past && !pastMask) throw new TypeError('a past needs its mask');
  const context = createLayerContext(config, params, adapters, batch, time);
  const bias = causalBias(time, keyMask);
  const pastBias = pastMask && keyBias(pastMask);
  const embedded = tf.gather(params[embeddingName(config)]!, tf.reshape(inputIds, [batch * time]) as tf.Tensor1D);
  const gpt2 = config.architecture === 'gpt2';
  const rotary = gpt2 ? undefined : rotaryTables(config, positions);
  let rows = gpt2 ? gpt2Embedding(params, embedded, positions) : embedded;
  const states = [rows];
  const fresh: CacheLayer[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const before = past && pastBias ? { ...past[layer]!, bias: pastBias } : undefined;
    const result = rotary
      ? llamaLayer(context, layer, rows, rotary, bias, before)
      : gpt2Layer(context, layer, rows, bias, before);
    rows = result.rows;
    fresh.push(result.fresh);
    states.push(rows);
  }
  rows = normalise(context, gpt2 ? 'transformer.ln_f' : 'model.norm', rows);
  states[states.length - 1] = rows;
  const shaped = states.map((state) => tf.reshape(state, [batch, time, config.hiddenSize]));
  return { hidden: shaped[shaped.length - 1]!, hiddenStates: shaped, fresh };
}

/** The language-model head: hidden rows `[rows, hidden]` to logits `[rows, vocabulary]`. */
export function logits(config: ModelConfig, params: Record<string, tf.Tensor>, hiddenRows: tf.Tensor): tf.Tensor {
  return projectRows(hiddenRows, params[headName(config)]!, 'out-in');
}

/** Shape of one layer's key (and value) cache. */
export const cacheShape = (config: ModelConfig, batch: number, slots: number): number[] => [
  batch,
  config.keyValueHeads,
  slots,
  config.headSize,
];
