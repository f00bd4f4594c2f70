import { describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { linearModule } from '../../../engine/nn/adapted-linear.js';
import { createLayerContext } from '../../../engine/nn/layer-context.js';
import { findQuantized, quantizedFeeds, quantizedLinear } from '../../../engine/quantization/quantized-linear.js';
import { quantizeWeight } from '../../../engine/quantization/quantized-weight.js';
import { dropout, Executable, tf, trace } from '../../../engine/trace/index.js';
import { TINY_CONFIG } from '../train/tiny-model.js';
import { floats, integers, specsOf, type Feeds } from './compare.js';
import { unary, weighted } from './operations.js';

/** Offsets and weights of a difference of fourth order: (f(−2h) − 8f(−h) + 8f(h) − f(2h)) / 12h. */
const STENCIL = [
  [-2, 1],
  [-1, -8],
  [1, 8],
  [2, -1],
] as const;

/**
 * Compares the recorded gradient of the weighted sum of `fn` with its finite differences, for every element of the named
 * operands.
 */
async function expectDifferences(
  feeds: Feeds,
  names: string[],
  fn: (t: Record<string, tf.Tensor>) => tf.Tensor,
  { step = 2 ** -6, tolerance = 2e-3 } = {},
): Promise<void> {
  const loss = (t: Record<string, tf.Tensor>) => weighted(fn(t));
  const forward = await Executable.compile(
    trace(specsOf(feeds), (t) => ({ loss: loss(t) })),
    { threads: 1 },
  );
  const backward = await Executable.compile(
    trace(specsOf(feeds), (t) => {
      const of = (...operands: tf.Tensor[]) =>
        loss({ ...t, ...Object.fromEntries(names.map((name, i) => [name, operands[i]!])) });
      const gradients = tf.grads(of)(names.map((name) => t[name]!));
      return Object.fromEntries(names.map((name, i) => [`d${name}`, gradients[i]!]));
    }),
    { threads: 1 },
  );
  try {
    const gradients = await backward.run(feeds);
    for (const name of names) {
      const data = feeds[name]!.data as Float32Array;
      for (const [i, value] of data.entries()) {
        let difference = 0;
        for (const [offset, weight] of STENCIL) {
          const moved = { ...feeds, [name]: { ...feeds[name]!, data: data.with(i, value + offset * step) } };
          difference += (weight * Number((await forward.run(moved))['loss']!.data[0])) / (12 * step);
        }
        const gradient = Number(gradients[`d${name}`]!.data[i]);
        const error = Math.abs(gradient - difference) / (1 + Math.abs(difference));
        expect({ name, i, gradient, difference, close: error < tolerance }).toMatchObject({ close: true });
      }
    }
  } finally {
    forward.release();
    backward.release();
  }
}

/** Constant between whole numbers, with a gradient that tfjs defines as if they were not. */
const NOT_DIFFERENTIABLE = ['cast to int32 and back'];

describe('finite differences', () => {
  const smooth = Object.entries(unary).filter(([name]) => !NOT_DIFFERENTIABLE.includes(name));

  it.each(smooth)('of %s equal its gradient', async (_, [fn, x = floats([3, 4])]) => {
    await expectDifferences({ x }, ['x'], ({ x: operand }) => fn(operand!), { step: 2 ** -8, tolerance: 5e-3 });
  });

  it.each([
    [false, false],
    [true, true],
  ])('of matMul with transposes %s and %s equal its gradients', async (transposeA, transposeB) => {
    const feeds = { a: floats(transposeA ? [4, 3] : [3, 4]), b: floats(transposeB ? [2, 4] : [4, 2], 2) };
    await expectDifferences(feeds, ['a', 'b'], ({ a, b }) => tf.matMul(a!, b!, transposeA, transposeB));
  });

  const config = parseModelConfig('tiny', JSON.stringify(TINY_CONFIG));
  const adapted = (magnitude: boolean, rate: number) => (t: Record<string, tf.Tensor>) => {
    const params = { 'm.weight': t['weight']!, 'm.bias': t['bias']! };
    const adapter = { A: t['A']!, B: t['B']!, scale: 2, ...(magnitude && { magnitude: t['magnitude']! }) };
    const drop = rate > 0 ? (input: tf.Tensor) => dropout(input, rate, t['seed']!, 3) : undefined;
    const context = createLayerContext(
      config,
      params,
      { modules: { m: adapter }, ...(drop && { dropout: drop }) },
      1,
      3,
    );
    return linearModule(context, 'm', t['x']!);
  };
  const layer = {
    x: floats([3, 4]),
    weight: floats([5, 4], 1),
    bias: floats([5], 2),
    A: floats([2, 4], 3),
    B: floats([5, 2], 4),
    magnitude: floats([5], 5),
    seed: integers([2], [3, 4]),
  };

  it.each([0, 0.4])('of a linear module with a LoRA adapter and dropout %d equal its gradients', async (rate) => {
    await expectDifferences(layer, ['x', 'weight', 'bias', 'A', 'B'], adapted(false, rate));
  });

  // DoRA takes the norms for constants: by A and B its gradient is meant to differ from the derivative.
  it.each([0, 0.4])(
    'of a linear module with DoRA and dropout %d equal its gradients by input and magnitude',
    async (rate) => {
      await expectDifferences(layer, ['x', 'magnitude'], adapted(true, rate));
    },
  );

  it('of a product with NF4 weights equal its gradient', async () => {
    const [outputs, inputs] = [8, 16] as const;
    const module = { name: 'w', inputs, outputs, layout: 'out-in' as const, bias: true };
    const weight = quantizeWeight(floats([outputs, inputs], 1).data as Float32Array, module);
    const feeds = { x: floats([3, inputs]), bias: floats([outputs], 2), ...quantizedFeeds(new Map([['w', weight]])) };
    const product = (t: Record<string, tf.Tensor>) => {
      const codes = findQuantized(
        (name) => t[name],
        'w',
        () => [outputs, inputs],
      )!;
      return quantizedLinear(t['x']!, codes, t['bias']);
    };
    // Linear in its input: a large step loses nothing, and drowns the rounding of the unpacked products.
    await expectDifferences(feeds, ['x', 'bias'], product, { step: 1 });
  });
});
