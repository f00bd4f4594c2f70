import type { ModelConfig } from '../nn/config.js';
import { headName } from '../nn/parameters.js';
import { logits } from '../nn/model.js';
import { computedAfter, crossEntropyAndGradient, isHalf, tf, widened } from '../trace/index.js';
import type { Tensors } from './objective.js';

/**
 * Sum of the negative log likelihoods of the labels without ever holding the logits `[rows, vocabulary]` of all rows: each
 * chunk's logits give its loss and its gradient by the hidden rows and the head at once, and are dropped (as Hsu et al.
 * 2024, "Liger Kernel"; the loss is a sum, so the incoming gradient is a factor that can come later). Nothing is computed
 * twice. Where no gradient is asked for, that part is not in the compiled graph.
 *
 * @param rows `[rows, hidden]`
 * @param targets int32 `[rows]`, negative where a row does not count
 */
export function chunkedCrossEntropySum(
  config: ModelConfig,
  params: Tensors,
  rows: tf.Tensor,
  targets: tf.Tensor,
  chunk: number,
): tf.Tensor {
  const head = headName(config);
  // A head that rests in 16 bits is widened once for all chunks, after the layers.
  const weight = isHalf(params[head]!) ? widened(params[head]!, rows) : params[head]!;
  const [count, size] = rows.shape as [number, number];
  // The head is linear: logits(x) = x·Wᵀ·scale, so the scale can be read off the rows.
  const scale = config.kind === 'encoder-decoder' && config.scaleOutput ? 1 / Math.sqrt(config.hiddenSize) : 1;
  const scoresOf = (x: tf.Tensor, w: tf.Tensor) => logits(config, { ...params, [head]: w }, x);
  const factorOf = (scored: tf.Tensor) => (scale === 1 ? scored : tf.mul(scored, scale));
  const whole = tf.customGrad(((x: tf.Tensor, w: tf.Tensor, save: (tensors: tf.Tensor[]) => void) => {
    const { loss, gradient, scored } = crossEntropyAndGradient(scoresOf(x, w), targets);
    save([gradient, factorOf(scored), x, w]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const factor = tf.mul(saved[1]!, dy);
      return [
        tf.mul(tf.matMul(saved[0] as tf.Tensor2D, saved[3] as tf.Tensor2D), factor),
        tf.matMul(saved[0] as tf.Tensor2D, tf.mul(saved[2]!, factor) as tf.Tensor2D, true, false),
      ];
    };
    return { value: loss, gradFunc };
  }) as unknown as Parameters<typeof tf.customGrad>[0]);
  if (chunk >= count) return whole(rows, weight);
  const sum = tf.customGrad(((x: tf.Tensor, w: tf.Tensor, save: (tensors: tf.Tensor[]) => void) => {
    let loss: tf.Tensor = tf.scalar(0);
    let weightGradient: tf.Tensor | null = null;
    const rowGradients: tf.Tensor[] = [];
    for (let start = 0; start < count; start += chunk) {
      const length = Math.min(chunk, count - start);
      const rowsOfChunk = tf.slice(x, [start, 0], [length, size]);
      // Waiting for the chunk before, and its gradient, keeps the runtime from holding the logits of several.
      const before = rowGradients.at(-1);
      const part = before ? computedAfter(computedAfter(rowsOfChunk, loss), before) : rowsOfChunk;
      const labels = tf.slice(targets, [start], [length]);
      const { loss: added, gradient, scored } = crossEntropyAndGradient(scoresOf(part, w), labels);
      loss = tf.add(loss, added);
      const factor = factorOf(scored);
      rowGradients.push(tf.mul(tf.matMul(gradient as tf.Tensor2D, w as tf.Tensor2D), factor));
      const learned = tf.mul(part, factor) as tf.Tensor2D;
      const update = tf.matMul(gradient as tf.Tensor2D, learned, true, false);
      weightGradient = weightGradient ? tf.add(weightGradient, update) : update;
    }
    save([tf.concat(rowGradients, 0), weightGradient!]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => [tf.mul(saved[0]!, dy), tf.mul(saved[1]!, dy)];
    return { value: loss, gradFunc };
  }) as unknown as Parameters<typeof tf.customGrad>[0]);
  return sum(rows, weight);
}
