import { tf } from '../trace/index.js';
import type { AdapterInputs } from './adapters.js';
import { keyBias, selfAttend } from './attention.js';
import { countedPositions } from './causal-decoder.js';
import type { ClassifierConfig } from './config.js';
import { bertHeadNames, bertLayerNames, bertPositions, firstPosition } from './config-bert.js';
import { createLayerContext, type LayerContext } from './layer-context.js';
import { activate, linearModule, lookUp, normalise } from './layers.js';
import type { ForwardInputs, ForwardResult } from './model.js';
import { embeddingName } from './parameters.js';
import { recomputed } from './recompute.js';

/** The encoder of BERT, RoBERTa or DistilBERT: every token sees every other. See `forward` in model.ts. */
export function forwardBert(
  config: ClassifierConfig,
  params: Record<string, tf.Tensor>,
  inputs: ForwardInputs,
): ForwardResult {
  const { inputIds, keyMask, adapters } = inputs;
  const [batch, time] = inputIds.shape as [number, number];
  const context = createLayerContext(config, params, adapters, batch, time);
  const bias = keyMask ? keyBias(keyMask) : tf.scalar(0);
  let rows = bertEmbedding(context, config, inputs);
  const states = [rows];
  for (let layer = 0; layer < config.layers; layer++) {
    const oneLayer = (own: LayerContext, x: tf.Tensor) => bertLayer(own, config, layer, x, bias);
    const prefix = bertLayerNames(config, layer).prefix;
    rows = inputs.recompute
      ? recomputed(context, prefix, inputs.recompute, [rows], (own, x) => oneLayer(own, x!))
      : oneLayer(context, rows);
    states.push(rows);
  }
  const hiddenStates = states.map((state) => tf.reshape(state, [batch, time, config.hiddenSize]));
  return { hidden: hiddenStates.at(-1)!, hiddenStates, fresh: [] };
}

/** Token, position and type embeddings, normalised. */
function bertEmbedding(
  context: LayerContext,
  config: ClassifierConfig,
  { inputIds, tokenTypes }: ForwardInputs,
): tf.Tensor {
  const { batch, time } = context;
  const prefix = `${config.architecture}.embeddings`;
  const tokens = lookUp(context.parameter(embeddingName(config)), inputIds, config.padId);
  const roberta = config.architecture === 'roberta';
  const positions = roberta ? robertaPositions(config, inputIds) : countedPositions(batch, time);
  let sum = tf.add(tokens, lookUp(context.parameter(bertPositions(config)), positions, roberta ? config.padId : null));
  if (config.tokenTypes > 0) {
    const types = tokenTypes ?? tf.zeros([batch, time], 'int32');
    sum = tf.add(sum, lookUp(context.parameter(`${prefix}.token_type_embeddings.weight`), types));
  }
  return normalise(context, `${prefix}.LayerNorm`, sum);
}

/** Padding is at the padding's id; other tokens count on from there, whatever the mask says. */
function robertaPositions(config: ClassifierConfig, inputIds: tf.Tensor): tf.Tensor {
  const present = tf.cast(tf.notEqual(inputIds, tf.scalar(config.padId!, 'int32')), 'int32');
  return tf.add(tf.mul(tf.cumsum(present, 1), present), tf.scalar(firstPosition(config) - 1, 'int32'));
}

/** One post-norm encoder layer; rows `[batch · time, hidden]` to the same. */
function bertLayer(
  context: LayerContext,
  config: ClassifierConfig,
  layer: number,
  rows: tf.Tensor,
  bias: tf.Tensor,
): tf.Tensor {
  const names = bertLayerNames(config, layer);
  const linear = (name: string, x: tf.Tensor) => linearModule(context, name, x);
  const [query, key, value] = [names.query, names.key, names.value].map((name) => linear(name, rows));
  const attended = selfAttend(context, query!, key!, value!, bias).rows;
  const middle = normalise(context, names.attentionNorm, tf.add(rows, linear(names.attentionOutput, attended)));
  const inner = activate(config.activation, linear(names.up, middle));
  return normalise(context, names.outputNorm, tf.add(middle, linear(names.down, inner)));
}

/**
 * The classification head over the first token: dense, tanh (DistilBERT: relu), classifier.
 *
 * @param hidden `[batch, time, hidden]`, the encoder's last states
 * @returns `[batch, classes]`
 */
export function classify(
  config: ClassifierConfig,
  params: Record<string, tf.Tensor>,
  hidden: tf.Tensor,
  adapters?: AdapterInputs,
): tf.Tensor {
  const [batch, , size] = hidden.shape as [number, number, number];
  const context = createLayerContext(config, params, adapters, batch, 1);
  const [dense, classifier] = bertHeadNames(config);
  const first = tf.reshape(tf.slice(hidden, [0, 0, 0], [batch, 1, size]), [batch, size]);
  const pooled = linearModule(context, dense, first);
  const active = config.architecture === 'distilbert' ? tf.relu(pooled) : tf.tanh(pooled);
  return linearModule(context, classifier, active);
}
