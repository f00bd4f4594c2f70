import type { HostTensor } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import { cacheShape } from '../nn/model.js';

/** Keys and values of the tokens so far: `key.N` and `value.N` for each layer, `[batch, heads, capacity, headSize]`. */
export class KeyValueCache {
  tensors: Record<string, HostTensor> = {};

  constructor(
    private readonly config: ModelConfig,
    readonly batch: number,
    readonly capacity: number,
  ) {
    const shape = cacheShape(config, batch, capacity);
    const size = shape.reduce((product, extent) => product * extent, 1);
    for (let layer = 0; layer < config.layers; layer++) {
      this.tensors[`key.${layer}`] = { dtype: 'float32', shape, data: new Float32Array(size) };
      this.tensors[`value.${layer}`] = { dtype: 'float32', shape, data: new Float32Array(size) };
    }
  }

  /** A copy with these rows in this order, the rest zero; `capacity` may not shrink. */
  rearrange(rows: readonly number[], batch: number, capacity: number): KeyValueCache {
    const result = new KeyValueCache(this.config, batch, capacity);
    const { keyValueHeads, headSize } = this.config;
    const from = this.capacity * headSize;
    const to = capacity * headSize;
    for (const [name, { data }] of Object.entries(this.tensors)) {
      const target = result.tensors[name]!.data as Float32Array;
      rows.forEach((row, index) => {
        for (let head = 0; head < keyValueHeads; head++) {
          const start = (row * keyValueHeads + head) * from;
          target.set((data as Float32Array).subarray(start, start + from), (index * keyValueHeads + head) * to);
        }
      });
    }
    return result;
  }
}
