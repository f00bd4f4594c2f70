import { integers, type Feeds } from '../generate/compiled-model.js';
import type { ModelConfig } from '../nn/config.js';

/** Lengths are padded to multiples of this, so that few graphs are compiled. */
const TIME_STEP = 16;

/**
 * Texts as one batch: `ids` and `mask`, int32 `[texts, time]`, padded on the right.
 *
 * @param texts token ids, at least one each and no more than the model takes
 */
export function padTexts(
  config: ModelConfig,
  texts: readonly (readonly number[])[],
): { shape: [texts: number, time: number]; feeds: Feeds } {
  const longest = Math.max(...texts.map((ids) => ids.length));
  const time = Math.min(config.maxPositions, Math.ceil(longest / TIME_STEP) * TIME_STEP);
  const ids = new Int32Array(texts.length * time).fill(config.padId ?? 0);
  const mask = new Int32Array(texts.length * time);
  texts.forEach((row, place) => {
    ids.set(row, place * time);
    mask.fill(1, place * time, place * time + row.length);
  });
  const shape: [number, number] = [texts.length, time];
  return { shape, feeds: { ids: integers(shape, ids), mask: integers(shape, mask) } };
}
