import { project, tf } from '../trace/index.js';
import type { AdapterInputs } from './adapters.js';
import type { CacheLayer } from './attention.js';
import { forwardBert } from './bert.js';
import { forwardDecoder } from './causal-decoder.js';
import type { ModelConfig } from './config.js';
import { headName } from './parameters.js';
import { decode, encode } from './t5.js';

export type { CacheLayer } from './attention.js';
export { classify } from './bert.js';
export { crossAttentionKeys, decode, encode, type DecodeInputs, type EncodeInputs } from './t5.js';

export interface ForwardInputs {
  /** `[batch, time]` int32; the source text of an encoder-decoder. */
  inputIds: tf.Tensor;
  /** Decoders: `[batch, time]` int32, from 0; any value where padded. 0, 1, 2 … when left out. */
  positions?: tf.Tensor;
  /**
   * int32 `[batch, time]`, 1 where a token is, 0 where padding. A decoder can do without where no padded key comes
   * before a real query (right padding).
   */
  keyMask?: tf.Tensor;
  /** Decoders: int32 `[batch, time]`; a token sees only tokens of its own segment. One segment when left out. */
  segments?: tf.Tensor;
  adapters?: AdapterInputs;
  /** Decoders: keys and values of earlier tokens, one entry a layer, `[batch, keyValueHeads, slots, headSize]`. */
  past?: CacheLayer[];
  /** With `past`: int32 `[batch, slots]`, 1 where a slot holds a key; slot p holds position p. */
  pastMask?: tf.Tensor;
  /**
   * Compute each layer again in the backward pass instead of keeping what it computed, with gradients for these
   * parameters (and all adapters). No cache is returned then.
   */
  recompute?: (parameter: string) => boolean;
  /** Encoder-decoders: `[batch, target time]` int32, what the decoder reads: the target moved right by its start token. */
  decoderIds?: tf.Tensor;
  /** BERT and RoBERTa: `[batch, time]` int32; all 0 when left out. */
  tokenTypes?: tf.Tensor;
}

export interface ForwardResult {
  /** `[batch, time, hidden]`: of decoders after the final norm; of an encoder-decoder its decoder's, `[batch, target time, hidden]`. */
  hidden: tf.Tensor;
  /** Embedding output, then each layer's output; a decoder's last is after the final norm. */
  hiddenStates: tf.Tensor[];
  /** Each layer's keys and values of this call's tokens, `[batch, keyValueHeads, time, headSize]`: a decoder's cache. */
  fresh: CacheLayer[];
}

/**
 * Token ids to hidden states, for every kind of model. Decoders: one function for training, for a prompt (both without
 * `past`) and for the tokens after it (with `past`). Then {@link logits} for language models (`decoder` and
 * `encoder-decoder`), {@link classify} for classifiers. Generation with an encoder-decoder calls `encode` once and
 * `decode` for each token.
 *
 * @param params every parameter by its Hugging Face name
 */
export function forward(config: ModelConfig, params: Record<string, tf.Tensor>, inputs: ForwardInputs): ForwardResult {
  if (inputs.past && !inputs.pastMask) throw new TypeError('a past needs its mask');
  if (config.kind === 'decoder') return forwardDecoder(config, params, inputs);
  if (config.kind === 'classifier') return forwardBert(config, params, inputs);
  const { inputIds, keyMask, decoderIds, adapters, recompute } = inputs;
  if (!decoderIds) throw new TypeError('an encoder-decoder needs decoderIds');
  const { hidden } = encode(config, params, { inputIds, keyMask, adapters, recompute });
  return decode(config, params, { decoderIds, encoded: hidden, sourceMask: keyMask, adapters, recompute });
}

/**
 * The language-model head: hidden rows `[rows, hidden]` to logits `[rows, vocabulary]`.
 *
 * @param fewRows one row a text, as generation has them
 */
export function logits(
  config: ModelConfig,
  params: Record<string, tf.Tensor>,
  hiddenRows: tf.Tensor,
  fewRows = false,
): tf.Tensor {
  if (config.kind === 'classifier') throw new TypeError('a classifier has no language-model head: use classify');
  const scaled = config.kind === 'encoder-decoder' && config.scaleOutput;
  const rows = scaled ? tf.mul(hiddenRows, 1 / Math.sqrt(config.hiddenSize)) : hiddenRows;
  return project(rows, params[headName(config)]!, null, { transposeB: true, fewRows });
}

/** Shape of one layer's key (and value) cache; of an encoder-decoder, its decoder's. */
export const cacheShape = (config: ModelConfig, batch: number, slots: number): number[] => [
  batch,
  config.keyValueHeads,
  slots,
  config.headSize,
];
