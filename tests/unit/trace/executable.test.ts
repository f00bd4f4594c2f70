import { describe, expect, it } from 'vitest';
import { CompileCache, Executable, tf, toOnnx, trace } from '../../../engine/trace/index.js';
import { floats } from './compare.js';

const doubling = (size: number) =>
  trace({ x: { shape: [size], dtype: 'float32' }, extra: { shape: [1], dtype: 'float32' } }, ({ x }) => ({
    twice: tf.mul(x!, 2),
    square: tf.square(x!),
  }));

describe('Executable', () => {
  it('names its inputs and outputs and fetches those asked for', async () => {
    const executable = await Executable.compile(toOnnx(doubling(3)), { threads: 1 });
    expect([executable.inputs, executable.outputs]).toEqual([['x'], ['twice', 'square']]);
    const results = await executable.run({ x: floats([3]), extra: floats([1]) }, ['square']);
    expect(Object.keys(results)).toEqual(['square']);
    executable.release();
  });

  it('sees changes that the caller makes in place or by replacing the array', async () => {
    const executable = await Executable.compile(doubling(2), { threads: 1, memoryArena: true });
    const x = floats([2]);
    await executable.run({ x });
    (x.data as Float32Array).set([1, 2]);
    expect([...(await executable.run({ x }))['twice']!.data]).toEqual([2, 4]);
    x.data = Float32Array.of(5, 6);
    expect([...(await executable.run({ x }))['twice']!.data]).toEqual([10, 12]);
    executable.release();
  });

  it('finishes the run in progress when it is released', async () => {
    const executable = await Executable.compile(doubling(2), { threads: 1 });
    const runs = [executable.run({ x: floats([2]) }), executable.run({ x: floats([2]) })];
    executable.release();
    const [first, second] = await Promise.all(runs);
    expect(second).toEqual(first);
    await expect(executable.run({ x: floats([2]) })).rejects.toThrow(/released/);
  });

  it('says which inputs are missing', async () => {
    const executable = await Executable.compile(doubling(2), { threads: 1 });
    await expect(executable.run({})).rejects.toThrow('The graph needs inputs that were not fed: x.');
    executable.release();
  });

  it('reports wrong shapes and use after release', async () => {
    const executable = await Executable.compile(doubling(2), { threads: 1 });
    await expect(executable.run({ x: floats([3]) })).rejects.toMatchObject({ code: 'E_INTERNAL' });
    executable.release();
    executable.release();
    await expect(executable.run({ x: floats([2]) })).rejects.toThrow(/released/);
  });

  it('reports bytes that are no model', async () => {
    await expect(Executable.compile(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'E_INTERNAL' });
  });
});

describe('CompileCache', () => {
  it('compiles a key once, and again only after it was evicted as the least recently used', async () => {
    const cache = new CompileCache(2, { threads: 1 });
    const made: number[] = [];
    const get = (size: number) =>
      cache.get(`size ${size}`, () => {
        made.push(size);
        return doubling(size);
      });
    const [first, same] = await Promise.all([get(1), get(1)]);
    expect(same).toBe(first);
    const second = await get(2);
    await get(1);
    await get(3);
    expect(cache.size).toBe(2);
    await expect(second.run({ x: floats([2]) })).rejects.toThrow(/released/);
    expect((await first.run({ x: floats([1]) }))['twice']!.shape).toEqual([1]);
    await get(2);
    expect(made).toEqual([1, 2, 3, 2]);
    await cache.clear();
    expect(cache.size).toBe(0);
  });

  it('compiles a graph again, to keep its memory, when it is asked for three times in a row', async () => {
    const cache = new CompileCache(8, { threads: 1, memoryArena: 'steady' });
    const made: number[] = [];
    const get = (size: number) =>
      cache.get(`size ${size}`, () => {
        made.push(size);
        return doubling(size);
      });
    for (const size of [1, 2, 1, 2, 2]) await get(size);
    expect(made).toEqual([1, 2]);
    const before = await get(1);
    await get(1);
    const steady = await get(1);
    expect(made).toEqual([1, 2, 1]);
    await expect(before.run({ x: floats([1]) })).rejects.toThrow(/released/);
    // There is one steady graph, and it stays.
    for (const size of [2, 2, 2, 1, 1, 1, 1]) await get(size);
    expect(await get(1)).toBe(steady);
    expect(made).toEqual([1, 2, 1]);
    await cache.clear();
  });

  it('does not keep a failed compilation', async () => {
    const cache = new CompileCache(2, { threads: 1 });
    const failing = () => {
      throw new Error('no graph');
    };
    await expect(cache.get('a', failing)).rejects.toThrow('no graph');
    expect((await cache.get('a', () => doubling(1))).inputs).toEqual(['x']);
    await cache.clear();
  });
});
