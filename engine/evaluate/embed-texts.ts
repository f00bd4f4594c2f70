import type { EmbedSpec } from '../api.js';
import type { GenerateHooks } from '../generate/generate.js';
import { CompiledModel, type CompiledModelOptions, type Tensors } from '../generate/compiled-model.js';
import { loadAdaptedModel } from '../generate/load-adapted-model.js';
import type { ModelConfig } from '../nn/config.js';
import { encode, forward } from '../nn/model.js';
import { tf } from '../trace/index.js';
import { padTexts } from './pad-texts.js';

const DEFAULT_BATCH = 16;
/**
 * The mean of a model's last hidden states over a text's tokens, as a unit vector `[texts][hidden]`; of an encoder-decoder
 * its encoder's. Texts are cut to what the model takes; a text without tokens is all zeros.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID`
 */
export async function embedTexts(
  spec: EmbedSpec,
  hooks: GenerateHooks = {},
  runtime: CompiledModelOptions = {},
): Promise<Float32Array[]> {
  const { config, weights, tokenizer } = await loadAdaptedModel(spec.modelDir, spec.adapterDir);
  const limit = Math.min(spec.maxLength ?? Infinity, config.maxPositions);
  const addSpecialTokens = config.kind !== 'decoder';
  const tokens = spec.texts.map((text) => tokenizer.encode(text, { addSpecialTokens }).slice(0, limit));
  const vectors: Float32Array[] = spec.texts.map(() => new Float32Array(config.hiddenSize));
  // Texts of one length together: less padding, fewer shapes.
  const places = tokens
    .map((ids, place) => ({ ids, place }))
    .filter(({ ids }) => ids.length > 0)
    .sort((a, b) => a.ids.length - b.ids.length || a.place - b.place);
  const model = new CompiledModel(config, weights, runtime);
  const batchSize = spec.batchSize ?? DEFAULT_BATCH;
  try {
    for (let start = 0; start < places.length; start += batchSize) {
      hooks.signal?.throwIfAborted();
      const batch = places.slice(start, start + batchSize);
      const pooled = await poolBatch(
        model,
        config,
        batch.map(({ ids }) => ids),
      );
      batch.forEach(({ place }, row) => {
        vectors[place] = unit(pooled.subarray(row * config.hiddenSize, (row + 1) * config.hiddenSize));
      });
      hooks.onProgress?.(start + batch.length, places.length);
    }
  } finally {
    await model.release();
  }
  return vectors;
}

/** Means of the hidden states, `[texts, hidden]`. */
async function poolBatch(
  model: CompiledModel,
  config: ModelConfig,
  texts: readonly (readonly number[])[],
): Promise<Float32Array> {
  const { shape, feeds } = padTexts(config, texts);
  const { pooled } = await model.run(`embed ${shape.join('x')}`, feeds, (params, inputs) => {
    const hidden = hiddenStates(config, params, inputs);
    const counted = tf.cast(inputs['mask']!, 'float32');
    const sums = tf.sum(tf.mul(hidden, tf.reshape(counted, [...shape, 1])), 1);
    return { pooled: tf.div(sums, tf.reshape(tf.sum(counted, 1), [texts.length, 1])) };
  });
  return pooled!.data as Float32Array;
}

function hiddenStates(config: ModelConfig, params: Tensors, inputs: Tensors): tf.Tensor {
  const given = { inputIds: inputs['ids']!, keyMask: inputs['mask']! };
  return config.kind === 'encoder-decoder'
    ? encode(config, params, given).hidden
    : forward(config, params, given).hidden;
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return norm === 0 ? new Float32Array(vector.length) : vector.map((value) => value / norm);
}
