import type { HostTensor } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import { forward, logits } from '../nn/model.js';
import { CompileCache, tf, trace, type CompileOptions, type Graph, type InputSpec } from '../trace/index.js';
import type { KeyValueCache } from './key-value-cache.js';

/** Compiled decoding steps of one model: token ids and a cache in, the next token's logits and the new cache out. */
export class Decoder {
  private readonly compiled: CompileCache;
  private readonly feeds: Record<string, HostTensor>;

  /** @param weights every parameter by name, with any adapter merged in; shared, not copied */
  constructor(
    readonly config: ModelConfig,
    weights: ReadonlyMap<string, HostTensor>,
    options: CompileOptions = {},
  ) {
    this.compiled = new CompileCache(12, { memoryArena: true, ...options });
    this.feeds = Object.fromEntries([...weights].map(([name, tensor]) => [`weight.${name}`, tensor]));
  }

  /**
   * Runs `ids` (`[batch, time]`, row by row) through the model. Their keys go to the cache's slots from `slot` on; the
   * cache is replaced by the updated one.
   *
   * @param mask `[batch, capacity]`: 1 for the slots that hold a key, those of this call included
   * @returns logits of the last position, `[batch, vocabulary]`
   */
  async step(
    cache: KeyValueCache,
    ids: Int32Array,
    positions: Int32Array,
    mask: Int32Array,
    slot: number,
  ): Promise<Float32Array> {
    const { batch, capacity } = cache;
    const time = ids.length / batch;
    const key = `${batch}x${time}x${capacity}`;
    const executable = await this.compiled.get(key, () => this.record(cache, time));
    const results = await executable.run({
      ...this.feeds,
      ...cache.tensors,
      ids: { dtype: 'int32', shape: [batch, time], data: ids },
      positions: { dtype: 'int32', shape: [batch, time], data: positions },
      mask: { dtype: 'int32', shape: [batch, capacity], data: mask },
      slot: { dtype: 'int32', shape: [], data: Int32Array.of(slot) },
    });
    for (const name of Object.keys(cache.tensors)) cache.tensors[name] = results[`new.${name}`]!;
    return results['logits']!.data as Float32Array;
  }

  async release(): Promise<void> {
    await this.compiled.clear();
  }

  private record(cache: KeyValueCache, time: number): Graph {
    const { config } = this;
    const { batch, capacity } = cache;
    const inputs: Record<string, InputSpec> = {
      ids: { shape: [batch, time], dtype: 'int32' },
      positions: { shape: [batch, time], dtype: 'int32' },
      mask: { shape: [batch, capacity], dtype: 'int32' },
      slot: { shape: [], dtype: 'int32' },
    };
    for (const [name, { shape, dtype }] of Object.entries({ ...this.feeds, ...cache.tensors }))
      inputs[name] = { shape, dtype };
    return trace(inputs, (tensors) => {
      const params: Record<string, tf.Tensor> = {};
      for (const name of Object.keys(this.feeds)) params[name.slice('weight.'.length)] = tensors[name]!;
      const past = Array.from({ length: config.layers }, (_, layer) => ({
        key: tensors[`key.${layer}`]!,
        value: tensors[`value.${layer}`]!,
      }));
      const { hidden, present } = forward(config, params, {
        inputIds: tensors['ids']!,
        positions: tensors['positions']!,
        keyMask: tensors['mask']!,
        slot: tensors['slot']!,
        past,
      });
      const last = tf.reshape(tf.slice(hidden, [0, time - 1, 0], [batch, 1, config.hiddenSize]), [
        batch,
        config.hiddenSize,
      ]);
      const outputs: Record<string, tf.Tensor> = { logits: logits(config, params, last) };
      present.forEach(({ key, value }, layer) => {
        outputs[`new.key.${layer}`] = key;
        outputs[`new.value.${layer}`] = value;
      });
      return outputs;
    });
  }
}
