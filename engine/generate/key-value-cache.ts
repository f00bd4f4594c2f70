import type { HostTensor } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import { cacheShape } from '../nn/model.js';

/** Names of each layer's key and value tensor. */
export const layerTensorNames = (config: ModelConfig): [key: string, value: string][] =>
  Array.from({ length: config.kind === 'encoder-decoder' ? config.decoderLayers : config.layers }, (_, layer) => [
    `key.${layer}`,
    `value.${layer}`,
  ]);

/**
 * Keys and values of the tokens so far: `key.N` and `value.N`, `[batch, keyValueHeads, capacity, headSize]`. Token i of
 * a row is in slot i, so a row's place in memory does not depend on the other rows. New entries are written in place:
 * the graph reads the cache and never copies it.
 */
export class KeyValueCache {
  readonly tensors: Record<string, HostTensor> = {};
  /** int32 `[batch, capacity]`: 1 for the slots that hold a token. */
  readonly mask: HostTensor & { data: Int32Array };
  /** Tokens of each row. */
  readonly lengths: Int32Array;

  /**
   * @param source what an encoder-decoder keeps of the prompts: tensors whose first dimension is the batch, read by each
   *   step under their names
   */
  constructor(
    private readonly config: ModelConfig,
    readonly batch: number,
    readonly capacity: number,
    readonly source: Readonly<Record<string, HostTensor>> = {},
  ) {
    const shape = cacheShape(config, batch, capacity);
    const size = shape.reduce((product, extent) => product * extent, 1);
    for (const name of layerTensorNames(config).flat())
      this.tensors[name] = { dtype: 'float32', shape, data: new Float32Array(size) };
    this.mask = { dtype: 'int32', shape: [batch, capacity], data: new Int32Array(batch * capacity) };
    this.lengths = new Int32Array(batch);
  }

  /**
   * Appends the first `counts[row]` tokens of each row.
   *
   * @param fresh `[batch, keyValueHeads, time, headSize]` by the cache's names
   */
  append(fresh: Readonly<Record<string, HostTensor>>, counts: ArrayLike<number>): void {
    for (const [name, { data }] of Object.entries(this.tensors)) {
      const { shape, data: source } = fresh[name]!;
      const time = shape[2]!;
      for (let row = 0; row < this.batch; row++)
        if (counts[row]! > 0)
          this.copyRow(source as Float32Array, row, time, data as Float32Array, row, this.lengths[row]!, counts[row]!);
    }
    for (let row = 0; row < this.batch; row++) {
      const start = row * this.capacity + this.lengths[row]!;
      this.mask.data.fill(1, start, start + counts[row]!);
      this.lengths[row] = this.lengths[row]! + counts[row]!;
    }
  }

  /**
   * A cache of these rows, of which one may occur several times, in this order; the rest is empty.
   *
   * @param rows at least one; of several caches only where these have no `source`
   */
  static gather(
    rows: readonly { cache: KeyValueCache; index: number }[],
    batch: number,
    capacity: number,
  ): KeyValueCache {
    const { config, source } = rows[0]!.cache;
    const indices = rows.map(({ index }) => index);
    const taken = Object.entries(source).map(([name, tensor]) => [name, takeRows(tensor, indices, batch)]);
    const result = new KeyValueCache(config, batch, capacity, Object.fromEntries(taken) as Record<string, HostTensor>);
    rows.forEach(({ cache, index }, place) => {
      const length = cache.lengths[index]!;
      for (const [name, { data }] of Object.entries(cache.tensors)) {
        const target = result.tensors[name]!.data as Float32Array;
        result.copyRow(data as Float32Array, index, cache.capacity, target, place, 0, length);
      }
      result.mask.data.fill(1, place * capacity, place * capacity + length);
      result.lengths[place] = length;
    });
    return result;
  }

  /** Copies `count` slots of one row, from slot 0 of a tensor with `slots` slots to slot `first` of one of ours. */
  private copyRow(
    source: Float32Array,
    sourceRow: number,
    slots: number,
    target: Float32Array,
    targetRow: number,
    first: number,
    count: number,
  ): void {
    const { keyValueHeads, headSize } = this.config;
    const size = count * headSize;
    for (let head = 0; head < keyValueHeads; head++) {
      const from = (sourceRow * keyValueHeads + head) * slots * headSize;
      const to = ((targetRow * keyValueHeads + head) * this.capacity + first) * headSize;
      // For the few numbers of one token a loop is faster than a view and a native call.
      if (count === 1) for (let i = 0; i < size; i++) target[to + i] = source[from + i]!;
      else target.set(source.subarray(from, from + size), to);
    }
  }
}

/** These rows of a tensor, padded with copies of the first to `batch`. */
function takeRows(tensor: HostTensor, rows: readonly number[], batch: number): HostTensor {
  const { data, shape, dtype } = tensor;
  const size = data.length / shape[0]!;
  const taken = data.slice(0, 0).constructor as new (length: number) => HostTensor['data'];
  const result = new taken(batch * size);
  for (let place = 0; place < batch; place++) {
    const row = rows[place] ?? rows[0]!;
    (result as Float32Array).set((data as Float32Array).subarray(row * size, (row + 1) * size), place * size);
  }
  return { dtype, shape: [batch, ...shape.slice(1)], data: result };
}
