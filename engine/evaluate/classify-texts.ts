import { integers, type CompiledModel } from '../generate/compiled-model.js';
import type { ClassifierConfig } from '../nn/config.js';
import { classify, forward } from '../nn/model.js';
import { tf } from '../trace/index.js';

/** Lengths are padded to multiples of this, so that few graphs are compiled. */
const TIME_STEP = 16;

/**
 * Probabilities of the classes, `[texts][classes]`, for a batch of texts.
 *
 * @param texts token ids, at least one each
 */
export async function classifyTexts(
  model: CompiledModel,
  config: ClassifierConfig,
  texts: readonly (readonly number[])[],
): Promise<number[][]> {
  const longest = Math.max(...texts.map((ids) => ids.length));
  const time = Math.min(config.maxPositions, Math.ceil(longest / TIME_STEP) * TIME_STEP);
  const shape = [texts.length, time];
  const ids = new Int32Array(texts.length * time).fill(config.padId ?? 0);
  const mask = new Int32Array(texts.length * time);
  texts.forEach((row, place) => {
    ids.set(row, place * time);
    mask.fill(1, place * time, place * time + row.length);
  });
  const feeds = { ids: integers(shape, ids), mask: integers(shape, mask) };
  const { probabilities } = await model.run(`classify ${shape.join('x')}`, feeds, (params, inputs) => {
    const { hidden } = forward(config, params, { inputIds: inputs['ids']!, keyMask: inputs['mask']! });
    return { probabilities: tf.softmax(classify(config, params, hidden)) };
  });
  const values = probabilities!.data as Float32Array;
  const classes = values.length / texts.length;
  return texts.map((_, row) => [...values.subarray(row * classes, (row + 1) * classes)]);
}
