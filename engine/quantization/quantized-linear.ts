import type { HostTensor } from '../api.js';
import { defineFusedKernel } from '../trace/fused-kernel.js';
import type { GraphBuilder, Value, View } from '../trace/graph.js';
import { linear, tf } from '../trace/index.js';
import { NESTED_BLOCK, NESTED_CODE } from './double-quantization.js';
import { BLOCK, NF4_LEVELS } from './nf4.js';
import type { QuantizedWeights } from './quantized-weight.js';

/** A quantised weight inside a graph. */
export interface QuantizedTensors {
  shape: [outputs: number, inputs: number];
  /** Bytes of two codes, `[blocks · 32]`. */
  packed: tf.Tensor;
  /** Absmax codes, `[nested blocks, 256]`; without `nested` the numbers, `[blocks]`. */
  absmax: tf.Tensor;
  /** Double quantisation's scales `[nested blocks, 1]` and offset `[1]`. */
  nested?: { absmax: tf.Tensor; offset: tf.Tensor };
}

/** Input names of a quantised parameter's parts. */
const PARTS = { packed: 'packed', absmax: 'absmax', nestedAbsmax: 'nested_absmax', offset: 'nested_offset' } as const;

/** Quantised weights as graph inputs, filled up to whole blocks. */
export function quantizedFeeds(weights: QuantizedWeights): Record<string, HostTensor> {
  const feeds: Record<string, HostTensor> = {};
  for (const [name, { packed, absmax }] of weights) {
    const put = (part: keyof typeof PARTS, tensor: HostTensor) => (feeds[`${name}.${PARTS[part]}`] = tensor);
    const blocks = absmax instanceof Float32Array ? absmax.length : absmax.codes.length;
    const bytes = filled(packed, (blocks * BLOCK) / 2);
    put('packed', { dtype: 'uint8', shape: [bytes.length], data: bytes });
    if (absmax instanceof Float32Array) {
      put('absmax', { dtype: 'float32', shape: [blocks], data: absmax });
      continue;
    }
    const nested = absmax.nestedAbsmax.length;
    put('absmax', {
      dtype: 'uint8',
      shape: [nested, NESTED_BLOCK],
      data: filled(absmax.codes, nested * NESTED_BLOCK),
    });
    put('nestedAbsmax', { dtype: 'float32', shape: [nested, 1], data: absmax.nestedAbsmax });
    put('offset', { dtype: 'float32', shape: [1], data: Float32Array.of(absmax.offset) });
  }
  return feeds;
}

function filled(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length === size) return bytes;
  const result = new Uint8Array(size);
  result.set(bytes);
  return result;
}

/** The quantised weight of this name among a graph's tensors, if it is there. */
export function findQuantized(
  tensor: (name: string) => tf.Tensor | undefined,
  name: string,
  shape: () => [outputs: number, inputs: number],
): QuantizedTensors | undefined {
  const part = (key: keyof typeof PARTS) => tensor(`${name}.${PARTS[key]}`);
  const packed = part('packed');
  if (!packed) return undefined;
  const [nestedAbsmax, offset] = [part('nestedAbsmax'), part('offset')];
  return {
    shape: shape(),
    packed,
    absmax: part('absmax')!,
    ...(nestedAbsmax && offset && { nested: { absmax: nestedAbsmax, offset } }),
  };
}

const PAIRS = Float32Array.from({ length: 512 }, (_, i) => NF4_LEVELS[i % 2 === 0 ? i >> 5 : (i >> 1) & 15]!);

/** Absmax of each block, `[blocks]`. */
function absmaxOf({ shape, absmax, nested }: QuantizedTensors): tf.Tensor {
  if (!nested) return absmax;
  const blocks = Math.ceil((shape[0] * shape[1]) / BLOCK);
  const codes = tf.gather(tf.tensor1d(NESTED_CODE), tf.reshape(absmax, [absmax.size]) as tf.Tensor1D);
  const scaled = tf.mul(tf.reshape(codes, absmax.shape), nested.absmax);
  return tf.slice(tf.reshape(tf.add(scaled, nested.offset), [absmax.size]), [0], [blocks]);
}

/** The weight as numbers, `[out, in]`. */
export function dequantized(weight: QuantizedTensors): tf.Tensor {
  const [outputs, inputs] = weight.shape;
  const absmax = absmaxOf(weight);
  const levels = tf.gather(tf.tensor2d(PAIRS, [256, 2]), weight.packed as tf.Tensor1D);
  const blocks = tf.mul(tf.reshape(levels, [absmax.size, BLOCK]), tf.reshape(absmax, [absmax.size, 1]));
  const flat = tf.reshape(blocks, [absmax.size * BLOCK]);
  return tf.reshape(tf.slice(flat, [0], [outputs * inputs]), [outputs, inputs]);
}

/** The fed bytes themselves: declared inputs of a type that tfjs does not know are cast, which this kernel does without. */
function rawBytes(graph: GraphBuilder, { value, shape }: View): Value {
  const source = value.producer?.op === 'Cast' ? value.producer.inputs[0] : undefined;
  return source?.type === 'uint8' ? source : graph.full(graph.cast({ value, shape }, 'uint8'));
}

/** rows · Wᵀ with W unpacked by onnxruntime itself. Its product with W as it is (`transB` 0) gives wrong values: not used. */
const runMatMulBnb4 = defineFusedKernel({
  name: 'RatchetMatMulBnb4',
  record: (graph, { rows, packed, absmax }, { inputs, outputs }) =>
    graph.emit(
      'MatMulBnb4',
      [graph.full(rows!), rawBytes(graph, packed!), graph.full(absmax!)],
      { type: 'float32', shape: [rows!.shape[0]!, outputs as number] },
      {
        K: { int: inputs as number },
        N: { int: outputs as number },
        block_size: { int: BLOCK },
        quant_type: { int: 1 },
      },
      'com.microsoft',
    ),
  compose: ({ rows, packed, absmax }, { inputs, outputs }) => {
    const levels = tf.gather(tf.tensor2d(PAIRS, [256, 2]), packed as tf.Tensor1D);
    const blocks = tf.mul(tf.reshape(levels, [absmax!.size, BLOCK]), tf.reshape(absmax!, [absmax!.size, 1]));
    return tf.matMul(rows as tf.Tensor2D, tf.reshape(blocks, [outputs, inputs]) as tf.Tensor2D, false, true);
  },
});

/**
 * rows · Wᵀ + bias with a frozen NF4 weight. Its gradient reaches the rows alone; the backward pass unpacks the weight
 * when it needs it.
 *
 * @param rows `[rows, in]`
 * @returns `[rows, out]`
 */
export function quantizedLinear(rows: tf.Tensor, weight: QuantizedTensors, bias?: tf.Tensor): tf.Tensor {
  const [outputs, inputs] = weight.shape;
  const wholeBlocks = (outputs * inputs) % BLOCK === 0;
  const product = tf.customGrad(((x: tf.Tensor) => ({
    value: wholeBlocks
      ? runMatMulBnb4({ rows: x, packed: weight.packed, absmax: absmaxOf(weight) }, { inputs, outputs })[0]!
      : linear(x, dequantized(weight), null, { transposeB: true }),
    gradFunc: (dy: tf.Tensor) => {
      // Makes the unpacking wait for dy: done earlier, or shared with the forward pass, it would hold the whole weight.
      const barrier = tf.mul(tf.slice(tf.reshape(dy, [dy.size]), [0], [1]), 0);
      const { absmax, nested } = weight;
      const waiting = nested
        ? { ...weight, nested: { ...nested, offset: tf.add(nested.offset, barrier) } }
        : { ...weight, absmax: tf.add(absmax, barrier) };
      return linear(dy, dequantized(waiting), null);
    },
  })) as unknown as Parameters<typeof tf.customGrad>[0]);
  const y = product(rows);
  return bias ? tf.add(y, bias) : y;
}
