import { describe, it } from 'vitest';
import { tf } from '../../../engine/trace/index.js';
import { expectLikeOracle, floats, integers } from './compare.js';
import { unary, weighted } from './operations.js';

describe('recorded gradients', () => {
  it.each(Object.entries(unary))('of %s give what the cpu backend gives', async (_, [fn, x = floats([3, 4])]) => {
    await expectLikeOracle({ x }, (t) => ({ dx: tf.grad((z: tf.Tensor) => weighted(fn(z)))(t['x']!) }), 1e-5);
  });

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('of matMul with transposes %s and %s give what the cpu backend gives', async (transposeA, transposeB) => {
    const feeds = { a: floats(transposeA ? [2, 4, 3] : [2, 3, 4]), b: floats(transposeB ? [2, 5, 4] : [2, 4, 5], 2) };
    await expectLikeOracle(feeds, (t) => {
      const loss = (a: tf.Tensor, b: tf.Tensor) => weighted(tf.matMul(a, b, transposeA, transposeB));
      const [da, db] = tf.grads(loss as (...args: tf.Tensor[]) => tf.Tensor)([t['a']!, t['b']!]);
      return { da: da!, db: db! };
    });
  });

  it('of a lookup add up the rows that were used several times', async () => {
    const feeds = { table: floats([6, 3]), ids: integers([2, 4], [5, 0, 5, 5, 1, 0]) };
    await expectLikeOracle(feeds, (t) => ({
      dtable: tf.grad((table: tf.Tensor) => weighted(tf.gather(table, t['ids'] as tf.Tensor1D)))(t['table']!),
    }));
  });
});
