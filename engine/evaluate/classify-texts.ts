import type { CompiledModel } from '../generate/compiled-model.js';
import type { ClassifierConfig } from '../nn/config.js';
import { classify, forward } from '../nn/model.js';
import { padTexts } from './pad-texts.js';

/**
 * Scores of the classes before the softmax, `[texts][classes]`, for a batch of texts.
 *
 * @param texts token ids, at least one each
 */
export async function classifyTexts(
  model: CompiledModel,
  config: ClassifierConfig,
  texts: readonly (readonly number[])[],
): Promise<number[][]> {
  const { shape, feeds } = padTexts(config, texts);
  const { logits } = await model.run(`classify ${shape.join('x')}`, feeds, (params, inputs) => {
    const { hidden } = forward(config, params, { inputIds: inputs['ids']!, keyMask: inputs['mask']! });
    return { logits: classify(config, params, hidden) };
  });
  const values = logits!.data as Float32Array;
  const classes = values.length / texts.length;
  return texts.map((_, row) => [...values.subarray(row * classes, (row + 1) * classes)]);
}
