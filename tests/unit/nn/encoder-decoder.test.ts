import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { cacheShape, crossAttentionKeys, decode, encode, forward } from '../../../engine/nn/model.js';
import { relativeBucket } from '../../../engine/nn/relative-position.js';
import { Executable, trace, type tf } from '../../../engine/trace/index.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures/models');
const SLOTS = 8;

const int32 = (shape: number[], values: readonly number[]): HostTensor => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
});

it('T1: T5 decodes token by token with its cache and the encoder result as in one pass', async () => {
  const { config, weights } = await loadModel(join(fixtures, 't5_gated'));
  if (config.kind !== 'encoder-decoder') throw new Error('not a T5');
  const params = Object.fromEntries(weights);
  const target = [0, 5, 17, 3, 20];
  const source = { source: int32([1, 6], [4, 9, 3, 22, 1, 0]), mask: int32([1, 6], [1, 1, 1, 1, 1, 0]) };
  async function execute(feeds: Record<string, HostTensor>, program: Parameters<typeof trace>[1]) {
    const executable = await Executable.compile(trace({ ...params, ...feeds }, program), { threads: 1 });
    const results = await executable.run({ ...params, ...feeds });
    executable.release();
    return results;
  }
  const whole = await execute({ ...source, target: int32([1, 5], target) }, (tensors) => ({
    hidden: forward(config, tensors, {
      inputIds: tensors['source']!,
      keyMask: tensors['mask']!,
      decoderIds: tensors['target']!,
    }).hidden,
  }));
  const cross = await execute(source, (tensors) => {
    const { hidden } = encode(config, tensors, { inputIds: tensors['source']!, keyMask: tensors['mask']! });
    const outputs: Record<string, tf.Tensor> = {};
    crossAttentionKeys(config, tensors, hidden).forEach(({ key, value }, i) =>
      Object.assign(outputs, { [`cross.key.${i}`]: key, [`cross.value.${i}`]: value }),
    );
    return outputs;
  });
  const shape = cacheShape(config, 1, SLOTS);
  const cache: Record<string, HostTensor> = {};
  for (let layer = 0; layer < config.decoderLayers; layer++)
    for (const part of ['key', 'value'])
      cache[`${part}.${layer}`] = { dtype: 'float32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };

  const layersOf = (tensors: Record<string, tf.Tensor>, prefix: string) =>
    Array.from({ length: config.decoderLayers }, (_, i) => ({
      key: tensors[`${prefix}key.${i}`]!,
      value: tensors[`${prefix}value.${i}`]!,
    }));
  const hidden: number[] = [];
  for (const [position, id] of target.entries()) {
    const filled = Array.from({ length: SLOTS }, (_, slot) => Number(slot < position));
    const feeds = {
      ...cache,
      ...cross,
      mask: source.mask,
      id: int32([1, 1], [id]),
      position: int32([1, 1], [position]),
      pastMask: int32([1, SLOTS], filled),
    };
    const results = await execute(feeds, (tensors) => {
      const result = decode(config, tensors, {
        decoderIds: tensors['id']!,
        positions: tensors['position']!,
        cross: layersOf(tensors, 'cross.'),
        sourceMask: tensors['mask']!,
        past: layersOf(tensors, ''),
        pastMask: tensors['pastMask']!,
      });
      const outputs: Record<string, tf.Tensor> = { hidden: result.hidden };
      result.fresh.forEach(({ key, value }, i) =>
        Object.assign(outputs, { [`fresh.key.${i}`]: key, [`fresh.value.${i}`]: value }),
      );
      return outputs;
    });
    hidden.push(...(results['hidden']!.data as Float32Array));
    for (const [name, into] of Object.entries(cache)) {
      const fresh = results[`fresh.${name}`]!;
      const [, heads, , size] = fresh.shape as [number, number, number, number];
      for (let head = 0; head < heads; head++)
        (into.data as Float32Array).set(
          (fresh.data as Float32Array).subarray(head * size, (head + 1) * size),
          (head * SLOTS + position) * size,
        );
    }
  }
  const expected = whole['hidden']!.data as Float32Array;
  expect(hidden).toHaveLength(expected.length);
  hidden.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5));
});

it('puts relative positions into the buckets of transformers, at the boundaries too', async () => {
  const { config } = await loadModel(join(fixtures, 't5_gated'));
  if (config.kind !== 'encoder-decoder') throw new Error('not a T5');
  const standard = { ...config, relativeBuckets: 32, relativeMaxDistance: 128 };
  const buckets = (distances: number[], both: boolean) => distances.map((d) => relativeBucket(standard, d, both));
  // From T5Attention._relative_position_bucket of transformers 5.23.
  expect(buckets([-128, -16, -15, -8, -7, 0, 1, 8, 16, 64, 200], true)).toEqual([
    15, 10, 9, 8, 7, 0, 17, 24, 26, 30, 31,
  ]);
  expect(buckets([-128, -64, -32, -31, -16, -15, 0, 3], false)).toEqual([31, 26, 21, 21, 16, 15, 0, 0]);
});
