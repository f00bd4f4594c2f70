import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { cacheShape, forward } from '../../../engine/nn/model.js';
import { Executable, trace, type tf } from '../../../engine/trace/index.js';

const SLOTS = 8;
const ids = [5, 17, 3, 20, 4, 8];

const int32 = (shape: number[], values: readonly number[]): HostTensor => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
});

it.each(['llama', 'gpt2', 'mistral_window', 'qwen2_window', 'phi3_partial', 'llama_rope_llama3'])(
  '%s with a cache, a token or several at a time, is the whole forward pass',
  async (name) => {
    const { config, weights } = await loadModel(join(import.meta.dirname, '../../parity/fixtures/models', name));
    const parameters = Object.fromEntries(weights);
    const shape = cacheShape(config, 1, SLOTS);
    const cache: Record<string, HostTensor> = {};
    for (let layer = 0; layer < config.layers; layer++)
      for (const part of ['key', 'value'])
        cache[`${part}.${layer}`] = {
          dtype: 'float32',
          shape,
          data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
        };

    async function execute(feeds: Record<string, HostTensor>) {
      const graph = trace(feeds, (tensors) => {
        const past = Array.from({ length: config.layers }, (_, i) => ({
          key: tensors[`key.${i}`]!,
          value: tensors[`value.${i}`]!,
        }));
        const { hidden, fresh } = forward(config, tensors, {
          inputIds: tensors['ids']!,
          positions: tensors['positions']!,
          ...('pastMask' in tensors && { past, pastMask: tensors['pastMask']! }),
        });
        const outputs: Record<string, tf.Tensor> = { hidden };
        fresh.forEach(({ key, value }, i) =>
          Object.assign(outputs, { [`fresh.key.${i}`]: key, [`fresh.value.${i}`]: value }),
        );
        return outputs;
      });
      const executable = await Executable.compile(graph, { threads: 1 });
      const results = await executable.run({ ...parameters, ...feeds });
      executable.release();
      return results;
    }

    /** Puts fresh keys and values `[1, heads, time, size]` into the cache's slots from `first` on. */
    function keep(fresh: HostTensor, into: HostTensor, first: number) {
      const [, heads, time, size] = fresh.shape as [number, number, number, number];
      for (let head = 0; head < heads; head++)
        (into.data as Float32Array).set(
          (fresh.data as Float32Array).subarray(head * time * size, (head + 1) * time * size),
          (head * SLOTS + first) * size,
        );
    }

    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    const whole = await execute({ ...parameters, ids: int32([1, 6], ids), positions: int32([1, 6], range(0, 6)) });
    const hidden: number[] = [];
    for (const [from, to] of [
      [0, 3],
      [3, 4],
      [4, 6],
    ] as const) {
      const time = to - from;
      const filled = range(0, SLOTS).map((slot) => Number(slot < from));
      const results = await execute({
        ...parameters,
        ...cache,
        ids: int32([1, time], ids.slice(from, to)),
        positions: int32([1, time], range(from, to)),
        pastMask: int32([1, SLOTS], filled),
      });
      hidden.push(...(results['hidden']!.data as Float32Array));
      for (const [part, into] of Object.entries(cache)) keep(results[`fresh.${part}`]!, into, from);
    }
    const expected = whole['hidden']!.data as Float32Array;
    expect(hidden).toHaveLength(expected.length);
    hidden.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5));
  },
);
