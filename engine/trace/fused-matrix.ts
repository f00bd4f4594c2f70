import { defineFusedKernel } from './fused-kernel.js';
import { broadcastShapes } from './graph.js';
import { gemm, matMul, type MatMulOptions } from './kernels/matrix.js';
import { tf } from './tfjs.js';

/** Sums a gradient over the axes along which its operand was broadcast. */
export function sumToShape(gradient: tf.Tensor, shape: number[]): tf.Tensor {
  const padding = gradient.rank - shape.length;
  const axes = gradient.shape.flatMap((extent, axis) =>
    (shape[axis - padding] ?? 1) === 1 && extent !== 1 ? [axis] : [],
  );
  return axes.length === 0 && padding === 0 ? gradient : tf.reshape(tf.sum(gradient, axes), shape);
}

/** Gradients of `alpha · op(a) · op(b)`; `product` multiplies with transposes and no scale of its own. */
function productGradients(
  product: (a: tf.Tensor, b: tf.Tensor, options: MatMulOptions) => tf.Tensor,
  dy: tf.Tensor,
  a: tf.Tensor,
  b: tf.Tensor,
  { transposeA = false, transposeB = false, alpha = 1 }: MatMulOptions,
) {
  return {
    a: () =>
      transposeA
        ? product(b, dy, { transposeA: transposeB, transposeB: true, alpha })
        : product(dy, b, { transposeB: !transposeB, alpha }),
    b: () =>
      transposeB
        ? product(dy, a, { transposeA: true, transposeB: transposeA, alpha })
        : product(a, dy, { transposeA: !transposeA, alpha }),
  };
}

const runGemm = defineFusedKernel({
  name: 'RatchetGemm',
  record: (graph, { a, b, c }, options) => gemm(graph, a!, b!, c, options),
  compose: ({ a, b, c }, { transposeA, transposeB, alpha = 1 }) => {
    const product = tf.mul(tf.matMul(a!, b!, transposeA, transposeB), alpha);
    return c ? tf.add(product, c) : product;
  },
  inputsToSave: ['a', 'b'],
  gradient: (dy, [a, b], options) => ({
    ...productGradients((left, right, o) => runGemm({ a: left, b: right }, o)[0]!, dy, a!, b!, options),
    c: () => (options['vectorC'] ? tf.sum(dy, 0) : dy),
  }),
});

const runBatchMatMul = defineFusedKernel({
  name: 'RatchetBatchMatMul',
  record: (graph, { a, b }, options) => matMul(graph, a!, b!, options),
  compose: ({ a, b }, { transposeA, transposeB, alpha = 1 }) => {
    const batch = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    const spread = (x: tf.Tensor) => tf.broadcastTo(x, [...batch, ...x.shape.slice(-2)]);
    return tf.mul(tf.matMul(spread(a!), spread(b!), transposeA, transposeB), alpha);
  },
  inputsToSave: ['a', 'b'],
  gradient: (dy, [a, b], options) => {
    const gradients = productGradients((left, right, o) => batchMatMul(left, right, o), dy, a!, b!, options);
    return {
      a: () => sumToShape(gradients.a(), a!.shape),
      b: () => sumToShape(gradients.b(), b!.shape),
    };
  },
});

/** The rows of a tensor of rank ≥ 2 as one matrix. */
const asMatrix = (x: tf.Tensor): tf.Tensor => (x.rank === 2 ? x : tf.reshape(x, [-1, x.shape.at(-1)!]));

/**
 * `x · w + bias`, one fused product.
 * @param x `[rows, in]`, or of higher rank with the features last
 * @param w `[in, out]`, or `[out, in]` with `transposeB`
 * @param bias `[out]` or null
 * @returns `[rows, out]`, or x's leading shape with `out` last
 */
export function linear(
  x: tf.Tensor,
  w: tf.Tensor,
  bias: tf.Tensor | null,
  { transposeB = false }: { transposeB?: boolean } = {},
): tf.Tensor {
  const y = runGemm({ a: asMatrix(x), b: w, c: bias }, { transposeB, vectorC: true })[0]!;
  return x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), y.shape[1]!]);
}

/** Weights with fewer numbers than this are ordered in no time: see {@link linearOfFewRows}. */
export const LARGE_WEIGHT = 2 ** 18;

/** onnxruntime sums in blocks that depend on the number of rows; up to so many it is one block of 1,024 numbers. */
const ROW_GROUP = 16;

/** `w · xᵀ`. As a `Gemm`, onnxruntime would merge it with the transposition after it into the product that it stands for. */
const runSideways = defineFusedKernel({
  name: 'RatchetSideways',
  record: (graph, { w, x }) =>
    graph.emit(
      'FusedMatMul',
      [graph.full(w!), graph.full(x!)],
      { type: 'float32', shape: [w!.shape[0]!, x!.shape[0]!] },
      { transB: { int: 1 } },
      'com.microsoft',
    ),
  compose: ({ w, x }) => tf.matMul(w!, x!, false, true),
});

/**
 * {@link linear} for a few rows, such as one token of each text: `(w · xᵀ)ᵀ` in groups of rows. onnxruntime copies the second
 * operand of a product into the order it wants at each run; with a large weight and few rows that takes longer than the
 * product, so it is the rows that are copied. From two rows on, the bits of a row do not
 * depend on how many others there are; a single one has a kernel of its own.
 *
 * @param x `[rows, in]`
 */
export function linearOfFewRows(
  x: tf.Tensor,
  w: tf.Tensor,
  bias: tf.Tensor | null,
  { transposeB = false }: { transposeB?: boolean } = {},
): tf.Tensor {
  if (w.size < LARGE_WEIGHT) return linear(x, w, bias, { transposeB });
  const outputsFirst = transposeB ? w : tf.transpose(w);
  const rows = x.shape[0]!;
  // For a single row onnxruntime copies nothing.
  if (rows === 1) return linear(x, outputsFirst, bias, { transposeB: true });
  const sizes = Array.from({ length: Math.ceil(rows / ROW_GROUP) }, (_, i) =>
    Math.min(ROW_GROUP, rows - i * ROW_GROUP),
  );
  const groups = tf.split(x, sizes, 0) as tf.Tensor2D[];
  const products = groups.map((group) => tf.transpose(runSideways({ w: outputsFirst, x: group })[0]!));
  const product = tf.concat(products, 0);
  return bias ? tf.add(product, bias) : product;
}

/**
 * `alpha · a · b + c`: a low-rank update added to its base in the same product.
 * @param a `[rows, inner]`
 * @param b `[inner, columns]`, or `[columns, inner]` with `transposeB`
 * @param c `[rows, columns]`
 */
export function addMatMul(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, alpha = 1, transposeB = false): tf.Tensor {
  const y = runGemm({ a: asMatrix(a), b, c: asMatrix(c) }, { transposeB, alpha, vectorC: false })[0]!;
  return c.rank === 2 ? y : tf.reshape(y, c.shape);
}

/**
 * `alpha · op(a) · op(b)` over the last two axes; leading axes broadcast.
 * @param a `[…, rows, inner]`, or `[…, inner, rows]` with `transposeA`
 * @param b `[…, inner, columns]`, or `[…, columns, inner]` with `transposeB`
 */
export function batchMatMul(a: tf.Tensor, b: tf.Tensor, options: MatMulOptions = {}): tf.Tensor {
  return runBatchMatMul({ a, b }, { ...options })[0]!;
}
