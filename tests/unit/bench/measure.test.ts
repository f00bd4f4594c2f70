import { describe, expect, it } from 'vitest';
import { runInTurns, summarise, type Arm } from '../../../bench/measure.js';
import { productsOf } from '../../../bench/products.js';
import { tf, trace } from '../../../engine/trace/index.js';

describe('a comparison', () => {
  it('runs its arms in turns, each first as often, and takes medians of all steps but the first', async () => {
    const order: string[] = [];
    const arm = (name: string, times: number[]): Arm => ({
      name,
      start: () =>
        Promise.resolve({
          versions: { [name]: '1' },
          step() {
            order.push(name);
            const wall = times.shift()!;
            return Promise.resolve({ loss: wall, wall, cpu: wall / 2 });
          },
          finish: () => Promise.resolve(7),
          kill: () => undefined,
        }),
    });
    const turns = await runInTurns('', 3, [arm('a', [900, 1, 3, 2]), arm('b', [800, 4, 6, 5])], 1);
    expect(order.join('')).toBe('abbaabba');
    expect(turns.map((one) => summarise(one, 1))).toEqual([
      { name: 'a', threads: 1, wall: 2, cpu: 1, peak: 7, share: 0.5, steps: 3, firstLoss: 900, versions: { a: '1' } },
      { name: 'b', threads: 1, wall: 5, cpu: 2.5, peak: 7, share: 0.5, steps: 3, firstLoss: 800, versions: { b: '1' } },
    ]);
  });
});

describe('the matrix products of a step', () => {
  it('are all computed, those of equal shapes too', () => {
    const square = { shape: [4, 4], dtype: 'float32' as const };
    const step = trace({ x: square, w: square }, ({ x, w }) => {
      const first = tf.matMul(tf.sin(x!) as tf.Tensor2D, w as tf.Tensor2D);
      return { y: tf.matMul(tf.cos(first) as tf.Tensor2D, w as tf.Tensor2D) };
    });
    const products = productsOf(step).nodes.filter(({ op }) => op === 'MatMul');
    expect(products).toHaveLength(2);
    expect(products[0]!.inputs[0]).not.toBe(products[1]!.inputs[0]);
    expect(products[0]!.inputs[1]).toBe(products[1]!.inputs[1]);
  });
});
