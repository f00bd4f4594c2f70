import { RatchetError } from '../../../config/errors.js';
import { broadcastShapes, type GraphBuilder, type View } from '../graph.js';
import type { KernelTable } from './kernel.js';

export interface MatMulOptions {
  transposeA?: boolean;
  transposeB?: boolean;
  alpha?: number;
}

/**
 * `alpha · op(a) · op(b)` over the last two axes, the others broadcast. Plain products become `MatMul`, transposed or scaled
 * matrices `Gemm`, and batches of them onnxruntime's `FusedMatMul`: no transposed copy is made.
 */
export function matMul(graph: GraphBuilder, a: View, b: View, options: MatMulOptions = {}): View {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  if (a.shape.length < 2 || b.shape.length < 2)
    throw new RatchetError('E_INTERNAL', `matMul of [${a.shape}] and [${b.shape}]: both must have at least two axes.`);
  const [rowsA, innerA] = transposeA ? a.shape.slice(-2).toReversed() : a.shape.slice(-2);
  const [innerB, columnsB] = transposeB ? b.shape.slice(-2).toReversed() : b.shape.slice(-2);
  if (innerA !== innerB)
    throw new RatchetError(
      'E_INTERNAL',
      `matMul of [${a.shape}] and [${b.shape}]: the inner sizes ${innerA} and ${innerB} differ.`,
    );
  const shape = [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), rowsA!, columnsB!];
  const operands = [graph.full(a), graph.full(b)];
  const output = { type: a.value.type, shape };
  if (!transposeA && !transposeB && alpha === 1) return graph.emit('MatMul', operands, output);
  const attributes = {
    transA: { int: transposeA ? 1 : 0 },
    transB: { int: transposeB ? 1 : 0 },
    alpha: { float: alpha },
  };
  if (a.shape.length === 2 && b.shape.length === 2) return graph.emit('Gemm', operands, output, attributes);
  return graph.emit('FusedMatMul', operands, output, attributes, 'com.microsoft');
}

/** `alpha · op(a) · op(b) + c` for matrices; `c` is `[columns]` or `[rows, columns]`. */
export function gemm(graph: GraphBuilder, a: View, b: View, c: View | undefined, options: MatMulOptions = {}): View {
  if (!c) return matMul(graph, a, b, options);
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  const shape = [a.shape[transposeA ? 1 : 0]!, b.shape[transposeB ? 0 : 1]!];
  return graph.emit(
    'Gemm',
    [graph.full(a), graph.full(b), graph.full(c)],
    { type: 'float32', shape },
    {
      transA: { int: transposeA ? 1 : 0 },
      transB: { int: transposeB ? 1 : 0 },
      alpha: { float: alpha },
    },
  );
}

export const matrixKernels: KernelTable = {
  BatchMatMul: (graph, { a, b }, { transposeA, transposeB }) => matMul(graph, a!, b!, { transposeA, transposeB }),
};
