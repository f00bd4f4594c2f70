import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import type { HostTensor } from '../../../engine/api.js';
import { findQuantized, quantizedFeeds, quantizedLinear } from '../../../engine/quantization/quantized-linear.js';
import { quantizeNf4 } from '../../../engine/quantization/nf4.js';
import {
  dequantizeWeight,
  quantizeWeight,
  type QuantizedWeight,
} from '../../../engine/quantization/quantized-weight.js';
import { Executable, linear, runEagerly, tf, toOnnx, trace } from '../../../engine/trace/index.js';

const draws = stream(2, 'quantized-linear-test');
const random = (...shape: number[]): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => draws.normal()),
});
const difference = (a: HostTensor, b: HostTensor) =>
  Math.max(...Array.from(a.data as Float32Array, (value, i) => Math.abs(value - (b.data as Float32Array)[i]!)));

// Whole blocks; blocks that cross rows; a last block that is not full; more blocks than one nested one.
describe.each([
  [64, 64, 'double'],
  [32, 48, 'double'],
  [13, 33, 'double'],
  [256, 80, 'double'],
  [64, 64, 'plain'],
  [13, 33, 'plain'],
])('a product with NF4 weights [%i, %i] of %s quantisation', (outputs, inputs, scales) => {
  const module = { name: 'm', inputs, outputs, layout: 'out-in' as const, bias: true };
  const numbers = random(outputs, inputs).data as Float32Array;
  const weight: QuantizedWeight =
    scales === 'double' ? quantizeWeight(numbers, module) : { shape: [outputs, inputs], ...quantizeNf4(numbers) };
  const feeds = {
    x: random(5, inputs),
    bias: random(outputs),
    dy: random(5, outputs),
    dense: dequantizeWeight(weight, 'out-in'),
    ...quantizedFeeds(new Map([['w', weight]])),
  };
  const program = (tensors: Record<string, tf.Tensor>) => {
    const pass = (product: (x: tf.Tensor) => tf.Tensor) => {
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => tf.sum(tf.mul(product(x), tensors['dy']!)))(
        tensors['x']!,
      );
      return { value, grad };
    };
    const codes = findQuantized(
      (name) => tensors[name],
      'w',
      () => [outputs, inputs],
    )!;
    const packed = pass((x) => quantizedLinear(x, codes, tensors['bias']));
    const dense = pass((x) => linear(x, tensors['dense']!, tensors['bias']!, { transposeB: true }));
    return { y: packed.value, dx: packed.grad, yDense: dense.value, dxDense: dense.grad };
  };

  it('equals the product with the numbers they stand for, forward and backward', async () => {
    const executable = await Executable.compile(trace(feeds, program));
    const { y, dx, yDense, dxDense } = await executable.run(feeds);
    executable.release();
    expect(difference(y!, yDense!)).toBeLessThan(2e-3);
    expect(difference(dx!, dxDense!)).toBeLessThan(1e-4);
    const eager = await runEagerly('cpu', feeds, program);
    expect(difference(eager['dx']!, dx!)).toBeLessThan(1e-4);
    expect(difference(eager['y']!, y!)).toBeLessThan(2e-3);
  });

  it('unpacks the weight in the graph, from the bytes as they are', () => {
    const graph = trace(feeds, (tensors) => {
      const { y, dx } = program(tensors);
      return { y: y!, dx: dx! };
    });
    expect(graph.inputs.map((input) => input.name)).not.toContain('dense');
    expect(graph.inputs.find((input) => input.name === 'w.packed')?.type).toBe('uint8');
    expect(toOnnx(graph).length).toBeLessThan(20_000);
  });
});
