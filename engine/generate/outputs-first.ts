import type { HostTensor } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import { linearModules } from '../nn/parameters.js';
import { LARGE_WEIGHT } from '../trace/index.js';

/** Side of the squares in which a matrix is transposed: both its rows and its columns stay in the cache. */
const TILE = 32;

/**
 * The weights with the large ones that are stored inputs first (GPT-2's) as copies outputs first, as products of few rows want
 * them.
 *
 * @returns all weights, and the names of those that were turned: `[out, in]` where the model's layers expect `[in, out]`
 */
export function outputsFirst(
  config: ModelConfig,
  weights: ReadonlyMap<string, HostTensor>,
): { weights: ReadonlyMap<string, HostTensor>; turned: readonly string[] } {
  const turned = linearModules(config)
    .filter(({ layout, inputs, outputs }) => layout === 'in-out' && inputs * outputs >= LARGE_WEIGHT)
    .map(({ name }) => `${name}.weight`)
    .filter((name) => weights.get(name)?.dtype === 'float32');
  if (turned.length === 0) return { weights, turned };
  const result = new Map(weights);
  for (const name of turned) result.set(name, transposed(weights.get(name)!));
  return { weights: result, turned };
}

function transposed({ shape, data, dtype }: HostTensor): HostTensor {
  const [rows, columns] = shape as [number, number];
  const source = data as Float32Array;
  const result = new Float32Array(source.length);
  for (let top = 0; top < rows; top += TILE)
    for (let left = 0; left < columns; left += TILE) {
      const [bottom, right] = [Math.min(rows, top + TILE), Math.min(columns, left + TILE)];
      for (let column = left; column < right; column++)
        for (let row = top; row < bottom; row++) result[column * rows + row] = source[row * columns + column]!;
    }
  return { dtype, shape: [columns, rows], data: result };
}
