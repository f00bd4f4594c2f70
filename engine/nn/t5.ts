import { tf } from '../trace/index.js';
import type { AdapterInputs } from './adapters.js';
import {
  attend,
  selfAttend,
  cacheLayer,
  causalBias,
  keyBias,
  type CacheLayer,
  type LayerResult,
  type PastLayer,
} from './attention.js';
import { countedPositions } from './causal-decoder.js';
import type { EncoderDecoderConfig } from './config.js';
import { t5BiasTable, t5Block } from './config-t5.js';
import { createLayerContext, type LayerContext } from './layer-context.js';
import { activate, linearModule, lookUp, normalise } from './layers.js';
import type { ForwardResult } from './model.js';
import { embeddingName } from './parameters.js';
import { recomputed } from './recompute.js';
import { relativeBias, slotBias } from './relative-position.js';

export interface EncodeInputs {
  /** `[batch, source time]` int32. */
  inputIds: tf.Tensor;
  /** int32 `[batch, source time]`, 1 where a token is; all of them when left out. */
  keyMask?: tf.Tensor;
  adapters?: AdapterInputs;
  /** Compute each layer again in the backward pass, see `forward` in model.ts. */
  recompute?: ((parameter: string) => boolean) | undefined;
}

export interface DecodeInputs {
  /** `[batch, time]` int32: the start token and the target so far, or with `past` only the tokens after it. */
  decoderIds: tf.Tensor;
  /** With `past`: int32 `[batch, time]`; 0, 1, 2 … when left out. */
  positions?: tf.Tensor;
  /** The encoder's result `[batch, source time, hidden]`; or `cross` instead. */
  encoded?: tf.Tensor;
  /** The result of {@link crossAttentionKeys}, computed once for all tokens of a text. */
  cross?: CacheLayer[];
  /** int32 `[batch, source time]`, 1 where a source token is; all of them when left out. */
  sourceMask?: tf.Tensor;
  adapters?: AdapterInputs;
  /** Keys and values of the target's earlier tokens, one entry a layer. */
  past?: CacheLayer[];
  /** With `past`: int32 `[batch, slots]`, 1 where a slot holds a key; slot p holds position p. */
  pastMask?: tf.Tensor;
  /** With `encoded`: compute each layer again in the backward pass; no cache is returned then. */
  recompute?: ((parameter: string) => boolean) | undefined;
}

/** The encoder: `[batch, source time, hidden]` after the final norm, and the states before it as in `forward`. */
export function encode(
  config: EncoderDecoderConfig,
  params: Record<string, tf.Tensor>,
  { inputIds, keyMask, adapters, recompute }: EncodeInputs,
): Omit<ForwardResult, 'fresh'> {
  const [batch, time] = inputIds.shape as [number, number];
  const context = createLayerContext(config, params, adapters, batch, time);
  const relative = relativeBias(config, context.parameter(t5BiasTable('encoder')), time, true);
  const bias = keyMask ? tf.add(relative, keyBias(keyMask)) : relative;
  let rows = lookUp(context.parameter(embeddingName(config)), inputIds);
  const states = [rows];
  for (let layer = 0; layer < config.layers; layer++) {
    const block = t5Block('encoder', layer);
    const oneLayer = (own: LayerContext, x: tf.Tensor, added: tf.Tensor) =>
      feedForward(own, config, `${block}.layer.1`, selfAttention(own, block, x, added).rows);
    rows = recompute
      ? recomputed(context, `${block}.`, ownBy(recompute), [rows, bias], (own, x, added) => oneLayer(own, x!, added!))
      : oneLayer(context, rows, bias);
    states.push(rows);
  }
  return finish(context, 'encoder', states);
}

/** Keys and values of the encoder's result for each decoder layer, `[batch, heads, source time, headSize]`. */
export function crossAttentionKeys(
  config: EncoderDecoderConfig,
  params: Record<string, tf.Tensor>,
  encoded: tf.Tensor,
  adapters?: AdapterInputs,
): CacheLayer[] {
  return Array.from({ length: config.decoderLayers }, (_, layer) =>
    crossKeys(config, params, encoded, adapters, layer),
  );
}

function crossKeys(
  config: EncoderDecoderConfig,
  params: Record<string, tf.Tensor>,
  encoded: tf.Tensor,
  adapters: AdapterInputs | undefined,
  layer: number,
): CacheLayer {
  const [batch, time, hidden] = encoded.shape as [number, number, number];
  const context = createLayerContext(config, params, adapters, batch, time);
  const rows = tf.reshape(encoded, [batch * time, hidden]);
  const name = `${t5Block('decoder', layer)}.layer.1.EncDecAttention`;
  return cacheLayer(context, linearModule(context, `${name}.k`, rows), linearModule(context, `${name}.v`, rows));
}

/** The table of position biases is a parameter of the first block, but all of them read what is computed from it before. */
const ownBy = (isTrainable: (parameter: string) => boolean) => (parameter: string) =>
  !parameter.endsWith('.relative_attention_bias.weight') && isTrainable(parameter);

/** The decoder: the target's tokens so far to hidden states; `fresh` is what its cache grows by. */
export function decode(
  config: EncoderDecoderConfig,
  params: Record<string, tf.Tensor>,
  inputs: DecodeInputs,
): ForwardResult {
  const { decoderIds, encoded, sourceMask, adapters, past, pastMask, recompute } = inputs;
  const [batch, time] = decoderIds.shape as [number, number];
  if (past && !pastMask) throw new TypeError('a past needs its mask');
  if (!inputs.cross && !encoded) throw new TypeError('decode needs encoded or cross');
  const cross = inputs.cross ?? (recompute ? null : crossAttentionKeys(config, params, encoded!, adapters));
  const context = createLayerContext(config, params, adapters, batch, time);
  const table = context.parameter(t5BiasTable('decoder'));
  const bias = tf.add(relativeBias(config, table, time, false), causalBias(time, undefined));
  const positions = inputs.positions ?? countedPositions(batch, time);
  const earlier = pastMask && tf.add(slotBias(config, table, positions, pastMask.shape[1]!), keyBias(pastMask));
  const crossBias = sourceMask ? keyBias(sourceMask) : tf.scalar(0);
  let rows = lookUp(context.parameter(embeddingName(config)), decoderIds);
  const states = [rows];
  const fresh: CacheLayer[] = [];
  for (let layer = 0; layer < config.decoderLayers; layer++) {
    const block = t5Block('decoder', layer);
    const before = past && earlier && { ...past[layer]!, bias: earlier };
    const rest = (own: LayerContext, x: tf.Tensor, keys: CacheLayer) =>
      feedForward(own, config, `${block}.layer.2`, crossAttention(own, `${block}.layer.1`, x, keys, crossBias));
    if (cross) {
      const attended = selfAttention(context, block, rows, bias, before);
      fresh.push(attended.fresh);
      rows = rest(context, attended.rows, cross[layer]!);
    } else {
      const oneLayer = (own: LayerContext, x: tf.Tensor, added: tf.Tensor, source: tf.Tensor) =>
        rest(own, selfAttention(own, block, x, added).rows, crossKeys(config, own.params, source, own.adapters, layer));
      rows = recomputed(context, `${block}.`, ownBy(recompute!), [rows, bias, encoded!], (own, x, added, source) =>
        oneLayer(own, x!, added!, source!),
      );
    }
    states.push(rows);
  }
  return { ...finish(context, 'decoder', states), fresh };
}

function finish(context: LayerContext, stack: 'encoder' | 'decoder', states: tf.Tensor[]) {
  const last = normalise(context, `${stack}.final_layer_norm`, states.at(-1)!);
  const hiddenStates = states
    .with(states.length - 1, last)
    .map((state) => tf.reshape(state, [context.batch, context.time, context.config.hiddenSize]));
  return { hidden: hiddenStates.at(-1)!, hiddenStates };
}

function selfAttention(
  context: LayerContext,
  block: string,
  rows: tf.Tensor,
  bias: tf.Tensor,
  past?: PastLayer,
): LayerResult {
  const name = `${block}.layer.0.SelfAttention`;
  const normed = normalise(context, `${block}.layer.0.layer_norm`, rows);
  const linear = (part: string, x: tf.Tensor) => linearModule(context, `${name}.${part}`, x);
  const [query, key, value] = ['q', 'k', 'v'].map((part) => linear(part, normed));
  const attended = selfAttend(context, query!, key!, value!, bias, past);
  return { rows: tf.add(rows, linear('o', attended.rows)), fresh: attended.fresh };
}

function crossAttention(
  context: LayerContext,
  part: string,
  rows: tf.Tensor,
  keys: CacheLayer,
  bias: tf.Tensor,
): tf.Tensor {
  const name = `${part}.EncDecAttention`;
  const query = linearModule(context, `${name}.q`, normalise(context, `${part}.layer_norm`, rows));
  return tf.add(rows, linearModule(context, `${name}.o`, attend(context, query, keys, bias)));
}

function feedForward(context: LayerContext, config: EncoderDecoderConfig, part: string, rows: tf.Tensor): tf.Tensor {
  const name = `${part}.DenseReluDense`;
  const normed = normalise(context, `${part}.layer_norm`, rows);
  const linear = (piece: string, x: tf.Tensor) => linearModule(context, `${name}.${piece}`, x);
  const inner = config.gated
    ? tf.mul(activate(config.activation, linear('wi_0', normed)), linear('wi_1', normed))
    : activate(config.activation, linear('wi', normed));
  return tf.add(rows, linear('wo', inner));
}
