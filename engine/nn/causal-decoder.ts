import { tf } from '../trace/index.js';
import { causalBias, pastBias, type CacheLayer, type PastLayer } from './attention.js';
import type { DecoderConfig } from './config.js';
import { gpt2Embedding, gpt2Layer } from './gpt2.js';
import { createLayerContext, type LayerContext } from './layer-context.js';
import { lookUp, normalise } from './layers.js';
import { llamaLayer } from './llama.js';
import type { ForwardInputs, ForwardResult } from './model.js';
import { embeddingName } from './parameters.js';
import { recomputed } from './recompute.js';
import { rotaryTables } from './rotary.js';

/** The masks of each kind of layer, made once: most models have one kind, at most two. */
function once<T>(make: (window: number | null) => T): (window: number | null) => T {
  const made = new Map<number | null, T>();
  return (window) => {
    if (!made.has(window)) made.set(window, make(window));
    return made.get(window)!;
  };
}

/** `[batch, time]` int32: 0, 1, 2 … in each row. */
export const countedPositions = (batch: number, time: number): tf.Tensor =>
  tf.tensor(
    Int32Array.from({ length: batch * time }, (_, i) => i % time),
    [batch, time],
    'int32',
  );

/** A causal language model: GPT-2, or Llama and its relatives. See `forward` in model.ts. */
export function forwardDecoder(
  config: DecoderConfig,
  params: Record<string, tf.Tensor>,
  inputs: ForwardInputs,
): ForwardResult {
  const { inputIds, keyMask, segments, adapters, past, pastMask } = inputs;
  const [batch, time] = inputIds.shape as [number, number];
  const positions = inputs.positions ?? countedPositions(batch, time);
  const context = createLayerContext(config, params, adapters, batch, time);
  const bias = once((window) => causalBias(time, keyMask, window, segments));
  const earlier = once((window) => pastBias(pastMask!, positions, window));
  // PyTorch gives the padding's row no gradient, except in GPT-2, whose embedding knows no padding.
  const gpt2 = config.architecture === 'gpt2';
  const embedded = lookUp(context.parameter(embeddingName(config)), inputIds, gpt2 ? null : config.padId);
  const rotary = config.rotary && rotaryTables(config.rotary, positions);
  let rows = gpt2 ? gpt2Embedding(context, embedded, positions) : embedded;
  const states = [rows];
  const fresh: CacheLayer[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const window = config.windows[layer]!;
    const oneLayer = (own: LayerContext, x: tf.Tensor, before?: PastLayer) =>
      rotary ? llamaLayer(own, layer, x, rotary, bias(window), before) : gpt2Layer(own, layer, x, bias(window), before);
    if (inputs.recompute) {
      const prefix = gpt2 ? `transformer.h.${layer}.` : `model.layers.${layer}.`;
      rows = recomputed(context, prefix, inputs.recompute, [rows], (own, x) => oneLayer(own, x!).rows);
      states.push(rows);
      continue;
    }
    const before = past && { ...past[layer]!, bias: earlier(window) };
    const result = oneLayer(context, rows, before);
    rows = result.rows;
    fresh.push(result.fresh);
    states.push(rows);
  }
  rows = normalise(context, gpt2 ? 'transformer.ln_f' : 'model.norm', rows);
  states[states.length - 1] = rows;
  const hiddenStates = states.map((state) => tf.reshape(state, [batch, time, config.hiddenSize]));
  return { hidden: hiddenStates.at(-1)!, hiddenStates, fresh };
}
