import { describe, expect, it } from 'vitest';
import { computedAfter, Executable, gelu, tf, trace } from '../../../engine/trace/index.js';

const x = { shape: [2, 3], dtype: 'float32' as const };
const ops = (graph: ReturnType<typeof trace>) => graph.nodes.map((node) => node.op);

describe('computedAfter', () => {
  it('makes a value wait for another one that is needed, and changes neither', async () => {
    const graph = trace({ x }, (tensors) => {
      const other = tf.exp(tensors['x']!);
      return { y: computedAfter(tf.sin(tensors['x']!), other), other };
    });
    const barrier = graph.nodes.find((node) => node.op === 'Add')!;
    expect(graph.outputs.find((output) => output.name === 'y')!.value).toBe(barrier.outputs[0]);
    expect(ops(graph).indexOf('Exp')).toBeLessThan(ops(graph).indexOf('Slice'));
    const data = Float32Array.of(1, -2, 0, 3, 0.5, 1e30);
    const executable = await Executable.compile(graph);
    const { y } = await executable.run({ x: { ...x, data: data.with(5, 1) } });
    executable.release();
    expect(y!.data).toEqual(Float32Array.from(data.with(5, 1), Math.sin));
  });

  it('is left out where nothing else needs the other value', () => {
    const graph = trace({ x }, (tensors) => ({ y: computedAfter(tf.sin(tensors['x']!), tf.exp(tensors['x']!)) }));
    expect(ops(graph)).toEqual(['Sin']);
    expect(graph.outputs[0]!.value.producer).toBe(graph.nodes[0]);
  });

  it('is left out of a chain, too', () => {
    const graph = trace({ x }, ({ x: input }) => {
      const once = computedAfter(tf.sin(input!), tf.exp(input!));
      return { y: tf.cos(computedAfter(once, tf.log(input!))) };
    });
    expect(ops(graph)).toEqual(['Sin', 'Cos']);
    expect(graph.nodes[1]!.inputs[0]).toBe(graph.nodes[0]!.outputs[0]);
  });

  it('lets gelu compute its derivative only for a gradient', () => {
    const forward = trace({ x }, (tensors) => ({ y: gelu(tensors['x']!, 'tanh') }));
    const backward = trace({ x }, (tensors) => ({ dx: tf.grad((v: tf.Tensor) => gelu(v, 'tanh'))(tensors['x']!) }));
    expect(forward.nodes).toHaveLength(6);
    expect(backward.nodes.length).toBeGreaterThan(6);
  });
});
