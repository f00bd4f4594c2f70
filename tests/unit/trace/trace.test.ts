import { describe, expect, it } from 'vitest';
import { GraphBuilder, type View } from '../../../engine/trace/graph.js';
import { crossEntropySum, gelu, linear, tf, toOnnx, trace, withTapeSaved } from '../../../engine/trace/index.js';
import { expectLikeOracle, floats, integers, runCompiled, specsOf, type Feeds } from './compare.js';

const mlpFeeds = (rows = 8, width = 32): Feeds => ({
  x: floats([rows, width]),
  w1: floats([width, 64], 1, 0.2),
  b1: floats([64], 2),
  w2: floats([64, 10], 3, 0.2),
  labels: integers([rows], [0, 3, 9, -100, 5]),
  rate: { dtype: 'float32', shape: [], data: Float32Array.of(0.1) },
});

/** One step of gradient descent on a two-layer network. */
function mlpStep(t: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  const names = ['w1', 'b1', 'w2'];
  const loss = (w1: tf.Tensor, b1: tf.Tensor, w2: tf.Tensor) =>
    crossEntropySum(linear(gelu(linear(t['x']!, w1, b1), 'tanh'), w2, null), t['labels']!) as tf.Scalar;
  const { value, grads } = tf.valueAndGrads(loss as (...args: tf.Tensor[]) => tf.Scalar)(names.map((name) => t[name]!));
  const updated = names.map((name, i) => [`${name}.new`, tf.sub(t[name]!, tf.mul(grads[i]!, t['rate']!))]);
  return { loss: value, ...Object.fromEntries(updated) };
}

// Under another name: a linter takes every `.fill([…])` for Array's.
const { fill: filled } = tf;

const sameBits = (a: Feeds, b: Feeds) =>
  Object.keys(a).every((name) => Buffer.from(bytes(a[name]!)).equals(Buffer.from(bytes(b[name]!))));
const bytes = ({ data }: Feeds[string]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

describe('trace', () => {
  it('records a whole train step that gives what eager tfjs gives', async () => {
    await expectLikeOracle(mlpFeeds(), mlpStep, 1e-5);
  });

  it('records the same bytes each time', () => {
    const record = () => Buffer.from(toOnnx(trace(specsOf(mlpFeeds()), mlpStep)));
    const first = record();
    trace({ x: { shape: [3], dtype: 'float32' } }, ({ x }) => ({ y: tf.exp(x!) }));
    expect(record().equals(first)).toBe(true);
  });

  it('gives the same bits on one thread and on two', async () => {
    const feeds = { a: floats([192, 256]), b: floats([256, 320], 1), c: floats([320, 192], 2) };
    const chain = (t: Record<string, tf.Tensor>) => {
      const product = tf.softmax(tf.matMul(tf.matMul(t['a']!, t['b']!), t['c']!));
      return { y: tf.matMul(product, product, false, true), total: tf.sum(tf.square(product)) };
    };
    expect(sameBits(await runCompiled(feeds, chain, 1), await runCompiled(feeds, chain, 2))).toBe(true);
    const step = mlpFeeds(64, 128);
    expect(sameBits(await runCompiled(step, mlpStep, 1), await runCompiled(step, mlpStep, 2))).toBe(true);
  });

  it('computes the same once', () => {
    const graph = trace({ x: { shape: [2], dtype: 'float32' } }, ({ x }) => ({
      y: tf.add(tf.sin(tf.exp(x!)), tf.cos(tf.exp(x!))),
    }));
    expect(graph.nodes.map((node) => node.op)).toEqual(['Exp', 'Sin', 'Cos', 'Add']);
  });

  it('adds the gradient of a lookup to the other gradient of its table', async () => {
    const feeds: Feeds = { table: floats([5, 3]), rows: floats([4, 3], 1), ids: integers([4], [2, 0, 2, 4]) };
    const tied = ({ table, rows, ids }: Record<string, tf.Tensor>) => ({
      gradient: tf.grad((w) =>
        tf.add(
          tf.sum(tf.square(tf.matMul(rows as tf.Tensor2D, w as tf.Tensor2D, false, true))),
          tf.sum(tf.square(tf.gather(w, ids as tf.Tensor1D))),
        ),
      )(table!),
    });
    await expectLikeOracle(feeds, tied, 5e-6);
    const graph = trace(specsOf(feeds), tied);
    const scatter = graph.nodes.find(({ op }) => op === 'ScatterElements')!;
    expect(scatter.outputs[0]).toBe(graph.outputs[0]!.value);
  });

  it('drops nodes and inputs that no output needs', () => {
    const graph = trace(
      { x: { shape: [2], dtype: 'float32' }, unused: { shape: [2], dtype: 'float32' } },
      ({ x, unused }) => {
        tf.exp(tf.add(x!, unused!));
        return { y: tf.sin(x!) };
      },
    );
    expect(graph.nodes.map((node) => node.op)).toEqual(['Sin']);
    expect(graph.inputs.map((input) => input.name)).toEqual(['x']);
  });

  it('keeps uniform constants as scalars and folds neutral elements', () => {
    const graph = trace({ x: { shape: [50, 60], dtype: 'float32' } }, ({ x }) => ({
      y: tf.mul(tf.add(tf.mul(x!, tf.ones([50, 60])), tf.zeros([60])), filled([50, 60], 3)),
      gradient: tf.grad((z: tf.Tensor) => tf.mean(tf.square(z)))(x!),
    }));
    const constants = graph.nodes.flatMap((node) => node.inputs).filter((value) => value.data);
    expect(Math.max(...constants.map((value) => value.data!.length))).toBe(1);
    expect(graph.nodes.map((node) => node.op)).not.toContain('Expand');
  });

  it('names outputs directly, and copies inputs and repeated results', async () => {
    const feeds = { x: floats([3]) };
    const results = await runCompiled(feeds, ({ x }) => {
      const y = tf.neg(x!);
      return { y, again: y, through: x!, constant: filled([2], 5), wide: tf.broadcastTo(tf.sum(x!), [2, 2]) };
    });
    expect(results['again']).toEqual(results['y']);
    expect(results['through']!.data).toEqual(feeds.x.data);
    expect([...results['constant']!.data]).toEqual([5, 5]);
    expect(results['wide']!.shape).toEqual([2, 2]);
  });

  it('casts types that tfjs does not know', async () => {
    const feeds: Feeds = {
      half: { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc100) },
      byte: { dtype: 'uint8', shape: [2], data: Uint8Array.of(200, 3) },
      long: { dtype: 'int64', shape: [2], data: BigInt64Array.of(5n, -6n) },
    };
    const { y, z } = await runCompiled(feeds, (t) => ({
      y: tf.mul(t['half']!, 2),
      z: tf.add(t['byte']!, t['long']!),
    }));
    expect([...y!.data]).toEqual([2, -5]);
    expect([...z!.data]).toEqual([205, -3]);
  });

  it('keeps the outer tape through gradients inside a gradient (recomputation)', async () => {
    const feeds = { x: floats([4, 4]), w: floats([4, 4], 2) };
    const block = (x: tf.Tensor, w: tf.Tensor) => tf.tanh(tf.matMul(x, w));
    const recomputed = tf.customGrad(((x: tf.Tensor, w: tf.Tensor, save: (tensors: tf.Tensor[]) => void) => {
      save([x, w]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
        withTapeSaved(() => tf.grads(block as (...args: tf.Tensor[]) => tf.Tensor)(saved, dy));
      return { value: block(x, w), gradFunc };
    }) as unknown as Parameters<typeof tf.customGrad>[0]);
    const gradients = (of: (x: tf.Tensor, w: tf.Tensor) => tf.Tensor) => (t: Record<string, tf.Tensor>) => {
      const loss = (x: tf.Tensor, w: tf.Tensor) => tf.sum(tf.square(of(of(x, w), w)));
      const [x, w] = tf.grads(loss as (...args: tf.Tensor[]) => tf.Tensor)([t['x']!, t['w']!]);
      return { dx: x!, dw: w! };
    };
    const plain = await runCompiled(feeds, gradients(block));
    expect(await runCompiled(feeds, gradients(recomputed as typeof block))).toEqual(plain);
  });

  it('says which kernel cannot be recorded', () => {
    expect(() => trace({ x: { shape: [4], dtype: 'float32' } }, ({ x }) => ({ y: tf.cumprod(x!) }))).toThrow(
      'The tfjs kernel Cumprod cannot be recorded.',
    );
  });

  it('refuses to read a value that does not exist yet, and works again afterwards', () => {
    const inputs = { x: { shape: [4], dtype: 'float32' as const } };
    expect(() => trace(inputs, ({ x }) => ({ y: tf.scalar(x!.dataSync()[0]!) }))).toThrow(/was read/);
    expect(() => trace(inputs, ({ x }) => ({ y: (trace(inputs, () => ({})), x!) }))).toThrow(
      /inside a traced function/,
    );
    expect(trace(inputs, ({ x }) => ({ y: tf.neg(x!) })).nodes).toHaveLength(1);
  });

  it('refuses an output with the name of an input', () => {
    expect(() => trace({ x: { shape: [4], dtype: 'float32' } }, ({ x }) => ({ x: tf.neg(x!) }))).toThrow(
      'The output x has the name of an input.',
    );
  });

  it('refuses a tensor of an earlier recording', () => {
    let kept: tf.Tensor | undefined;
    trace({ x: { shape: [4], dtype: 'float32' } }, ({ x }) => ({ y: (kept = tf.keep(tf.neg(x!))) }));
    expect(() => trace({ x: { shape: [4], dtype: 'float32' } }, ({ x }) => ({ y: tf.add(x!, kept!) }))).toThrow(
      /another recording/,
    );
  });
});

describe('the graph builder', () => {
  it('leaves out optional outputs that nothing reads', async () => {
    const graph = new GraphBuilder();
    const x = graph.input('x', 'float32', [1, 2, 4]);
    const cache = { type: 'float32' as const, shape: [1, 2, 2, 2], optional: true };
    const [y, keys] = graph.node(
      'Attention',
      [x.value, x.value, x.value],
      [{ type: 'float32', shape: [1, 2, 4] }, cache, cache],
      { q_num_heads: { int: 2 }, kv_num_heads: { int: 2 } },
    );
    const text = (outputs: Record<string, View>) => Buffer.from(toOnnx(graph.finish(outputs))).toString('latin1');
    expect(text({ y: y! })).not.toContain(':0.1');
    expect(text({ y: y!, keys: graph.reshape(keys!, [8]) })).toContain(':0.1');
  });

  it('refuses shapes that do not broadcast', () => {
    const graph = new GraphBuilder();
    const [a, b] = [graph.input('a', 'float32', [2, 3]), graph.input('b', 'float32', [2])];
    expect(() => graph.elementwise('Add', [a, b], 'float32')).toThrow('Shapes [2,3] and [2] do not broadcast.');
  });
});
