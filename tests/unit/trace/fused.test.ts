import { describe, expect, it } from 'vitest';
import {
  addMatMul,
  attention,
  batchMatMul,
  crossEntropySum,
  dropout,
  gelu,
  layerNorm,
  linear,
  pickLogProbabilities,
  rmsNorm,
  rotate,
  silu,
  tf,
} from '../../../engine/trace/index.js';
import { expectLikeOracle, floats, integers, runCompiled, type Feeds } from './compare.js';
import { weighted } from './operations.js';

interface Case {
  name: string;
  /** Float operands are differentiated, the others are not. */
  feeds: Feeds;
  fn(t: Record<string, tf.Tensor>): tf.Tensor;
}

const x = floats([4, 6], 1);
const labels = integers([4], [2, -100, 0, 5]);

const transposes = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB): Case => ({
    name: `batchMatMul ${transposeA ? 'aᵀ' : 'a'}·${transposeB ? 'bᵀ' : 'b'}`,
    feeds: { a: floats(transposeA ? [2, 4, 3] : [2, 3, 4]), b: floats(transposeB ? [2, 5, 4] : [2, 4, 5], 2) },
    fn: (t) => batchMatMul(t['a']!, t['b']!, { transposeA, transposeB, alpha: 0.5 }),
  })),
);

/** Two rows of three tokens with two query heads of two features. */
const attentionCase = (name: string, keyValueHeads: number, bias: number[]): Case => ({
  name: `attention ${name}`,
  feeds: {
    query: floats([6, 4]),
    key: floats([6, 2 * keyValueHeads], 1),
    value: floats([6, 2 * keyValueHeads], 2),
    bias: floats(bias, 3),
  },
  fn: ({ query, key, value, bias: added }) => {
    const sizes = { batch: 2, time: 3, heads: 2, keyValueHeads, headSize: 2, scale: 0.7 };
    return attention(query!, key!, value!, added!, sizes).rows;
  },
});

const rotaryCase = (name: string, angles: number[]): Case => ({
  name: `rotate ${name}`,
  feeds: { x },
  fn: (t) => {
    const table = tf.tensor2d(angles, [4, angles.length / 4]);
    return rotate(t['x']!, tf.cos(table), tf.sin(table), 1);
  },
});

const cases: Case[] = [
  attentionCase('with a bias for each head', 2, [1, 2, 3, 3]),
  attentionCase('with a bias for each row and its keys', 2, [2, 1, 1, 3]),
  attentionCase('of heads that share keys', 1, [1, 1, 3, 3]),
  rotaryCase('of all features', [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5]),
  rotaryCase('of the first features', [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]),
  {
    name: 'layerNorm',
    feeds: { x: floats([2, 3, 6]), gain: floats([6], 2), bias: floats([6], 4) },
    fn: (t) => layerNorm(t['x']!, t['gain']!, t['bias']!, 1e-5),
  },
  {
    name: 'layerNorm without bias',
    feeds: { x, gain: floats([6], 2) },
    fn: (t) => layerNorm(t['x']!, t['gain']!, null, 1e-5),
  },
  {
    name: 'rmsNorm',
    feeds: { x: floats([2, 3, 6]), gain: floats([6], 2) },
    fn: (t) => rmsNorm(t['x']!, t['gain']!, 1e-6),
  },
  { name: 'gelu tanh', feeds: { x: floats([3, 5], 0, 3) }, fn: (t) => gelu(t['x']!, 'tanh') },
  { name: 'gelu erf', feeds: { x: floats([3, 5], 0, 3) }, fn: (t) => gelu(t['x']!, 'erf') },
  { name: 'silu', feeds: { x: floats([3, 5], 0, 3) }, fn: (t) => silu(t['x']!) },
  {
    name: 'linear',
    feeds: { x, w: floats([6, 3], 2), b: floats([3], 3) },
    fn: (t) => linear(t['x']!, t['w']!, t['b']!),
  },
  {
    name: 'linear transposed, without bias',
    feeds: { x: floats([2, 2, 6]), w: floats([3, 6], 2) },
    fn: (t) => linear(t['x']!, t['w']!, null, { transposeB: true }),
  },
  {
    name: 'addMatMul',
    feeds: { a: floats([4, 2]), b: floats([2, 3], 2), c: floats([4, 3], 3) },
    fn: (t) => addMatMul(t['a']!, t['b']!, t['c']!, 0.5),
  },
  {
    name: 'addMatMul transposed',
    feeds: { a: floats([4, 2]), b: floats([3, 2], 2), c: floats([4, 3], 3) },
    fn: (t) => addMatMul(t['a']!, t['b']!, t['c']!, 2, true),
  },
  ...transposes,
  {
    name: 'batchMatMul broadcast over a batch axis',
    feeds: { a: floats([2, 3, 2, 4]), b: floats([3, 4, 2], 2) },
    fn: (t) => batchMatMul(t['a']!, t['b']!),
  },
  {
    name: 'crossEntropySum',
    feeds: { x: floats([4, 6], 1, 2), labels },
    fn: (t) => crossEntropySum(t['x']!, t['labels']!),
  },
  {
    name: 'pickLogProbabilities',
    feeds: { x: floats([4, 6], 1, 2), labels },
    fn: (t) => pickLogProbabilities(t['x']!, t['labels']!),
  },
  {
    name: 'dropout',
    feeds: { x, seed: integers([2], [7, 9]) },
    fn: (t) => dropout(t['x']!, 0.3, t['seed']!, 5),
  },
];

const differentiated = (feeds: Feeds) => Object.keys(feeds).filter((name) => feeds[name]!.dtype === 'float32');

/** The weighted result and its gradient for each float operand. */
function withGradients({ feeds, fn }: Case) {
  const names = differentiated(feeds);
  return (t: Record<string, tf.Tensor>) => {
    const loss = (...operands: tf.Tensor[]) =>
      weighted(fn({ ...t, ...Object.fromEntries(names.map((name, i) => [name, operands[i]!])) }));
    const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => t[name]!));
    return { y: fn(t), loss: value, ...Object.fromEntries(names.map((name, i) => [`d${name}`, grads[i]!])) };
  };
}

describe.each(cases)('$name', (entry) => {
  it('gives what its composition on the cpu backend gives, gradients included', async () => {
    await expectLikeOracle(entry.feeds, withGradients(entry), 5e-6);
  });

  it('has the gradient of its finite differences', async () => {
    const compiled = await runCompiled(entry.feeds, withGradients(entry));
    const step = 2 ** -6;
    // Differences of fourth order, all in one graph: f(−2h) − 8f(−h) + 8f(h) − f(2h) over 12h.
    const offsets = [-2, -1, 1, 2];
    const coefficients = [1, -8, 8, -1];
    for (const name of differentiated(entry.feeds)) {
      const { shape, data } = entry.feeds[name]!;
      const moved = Array.from({ length: data.length }, (_, i) =>
        offsets.map((offset) => (data as Float32Array).with(i, Number(data[i]) + offset * step)),
      );
      const feeds: Feeds = { ...entry.feeds };
      moved.flat().forEach((values, k) => (feeds[`p${k}`] = { dtype: 'float32', shape, data: values }));
      const losses = await runCompiled(feeds, (t) =>
        Object.fromEntries(moved.flat().map((_, k) => [`l${k}`, weighted(entry.fn({ ...t, [name]: t[`p${k}`]! }))])),
      );
      moved.forEach((_, i) => {
        const difference = offsets.reduce(
          (total, __, j) => total + coefficients[j]! * Number(losses[`l${i * offsets.length + j}`]!.data[0]),
          0,
        );
        expect(Number(compiled[`d${name}`]!.data[i])).toBeCloseTo(difference / (12 * step), 3);
      });
    }
  });
});

describe('crossEntropySum', () => {
  it('ignores rows labelled −100 and sums the others', async () => {
    const feeds = { x: floats([4, 6], 1, 2), labels };
    const { y } = await runCompiled(feeds, (t) => ({ y: crossEntropySum(t['x']!, t['labels']!) }));
    let expected = 0;
    labels.data.forEach((label, row) => {
      if (Number(label) < 0) return;
      const logits = Array.from(feeds.x.data.slice(row * 6, row * 6 + 6), Number);
      expected += Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0)) - logits[Number(label)]!;
    });
    expect(y!.data[0]).toBeCloseTo(expected, 5);
  });
});

describe('attention', () => {
  const fn = ({ query, key, value }: Record<string, tf.Tensor>) => {
    const sizes = { batch: 2, time: 3, heads: 2, keyValueHeads: 1, headSize: 2, scale: 1 };
    return attention(query!, key!, value!, tf.scalar(0), sizes);
  };
  const feeds: Feeds = { query: floats([6, 4]), key: floats([6, 2], 1), value: floats([6, 2], 2) };

  it('gives keys and values by head, without a mask too', () => expectLikeOracle(feeds, (t) => ({ ...fn(t) })));
});
