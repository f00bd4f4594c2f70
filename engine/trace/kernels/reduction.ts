import { sizeOf, type GraphBuilder, type View } from '../graph.js';
import { parseAxes, parseAxis, type KernelTable, type RecordKernel } from './kernel.js';

/** Reduces over `axes`. Sums of a constant of equal elements need no node. */
function reduce(graph: GraphBuilder, op: string, x: View, axes: number[], keepDims: boolean): View {
  if (axes.length === 0) return x;
  const shape = keepDims
    ? x.shape.map((extent, i) => (axes.includes(i) ? 1 : extent))
    : x.shape.filter((_, i) => !axes.includes(i));
  const { uniform, type } = x.value;
  if (uniform !== undefined && sizeOf(x.shape) > 0) {
    if (op === 'ReduceMean' || op === 'ReduceMax' || op === 'ReduceMin') return { value: x.value, shape };
    if (op === 'ReduceSum')
      return graph.uniform(uniform * axes.reduce((n, axis) => n * x.shape[axis]!, 1), type, shape);
  }
  return graph.emit(op, [graph.full(x), graph.int64s(axes)], { type, shape }, { keepdims: { int: keepDims ? 1 : 0 } });
}

const reduction =
  (op: string): RecordKernel =>
  (graph, { x }, { axis, reductionIndices, keepDims }) => {
    const operand = x!.value.type === 'bool' ? graph.cast(x!, 'int32') : x!;
    return reduce(graph, op, operand, parseAxes(axis ?? reductionIndices, operand.shape.length), keepDims ?? false);
  };

const quantifier =
  (op: string): RecordKernel =>
  (graph, { x }, { axis, keepDims }) =>
    graph.cast(reduce(graph, op, graph.cast(x!, 'int32'), parseAxes(axis, x!.shape.length), keepDims ?? false), 'bool');

const extremeIndex =
  (op: string): RecordKernel =>
  (graph, { x }, { axis }) => {
    const along = parseAxis([axis].flat()[0], x!.shape.length);
    const shape = x!.shape.filter((_, i) => i !== along);
    const operand = x!.value.type === 'bool' ? graph.cast(x!, 'int32') : x!;
    const indices = graph.emit(
      op,
      [graph.full(operand)],
      { type: 'int64', shape },
      { axis: { int: along }, keepdims: { int: 0 } },
    );
    return graph.cast(indices, 'int32');
  };

const alongAxis =
  (op: string, attribute: string): RecordKernel =>
  (graph, { logits }, attributes) => {
    const axis = parseAxis(attributes[attribute], logits!.shape.length);
    return graph.emit(op, [graph.full(logits!)], { type: 'float32', shape: logits!.shape }, { axis: { int: axis } });
  };

/** Kernels that combine the elements along axes. */
export const reductionKernels: KernelTable = {
  Sum: reduction('ReduceSum'),
  Max: reduction('ReduceMax'),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  Mean: (graph, { x }, { axis, keepDims }) =>
    reduce(graph, 'ReduceMean', graph.cast(x!, 'float32'), parseAxes(axis, x!.shape.length), keepDims ?? false),
  All: quantifier('ReduceMin'),
  Any: quantifier('ReduceMax'),
  ArgMax: extremeIndex('ArgMax'),
  ArgMin: extremeIndex('ArgMin'),
  Softmax: alongAxis('Softmax', 'dim'),
  LogSoftmax: alongAxis('LogSoftmax', 'axis'),
  Cumsum: (graph, { x }, { axis, exclusive, reverse }) =>
    graph.emit(
      'CumSum',
      [graph.full(x!), graph.int64s([parseAxis(axis, x!.shape.length)])],
      { type: x!.value.type, shape: x!.shape },
      { exclusive: { int: exclusive ? 1 : 0 }, reverse: { int: reverse ? 1 : 0 } },
    ),
  TopK: (graph, { x }, { k, sorted }) => {
    const shape = [...x!.shape.slice(0, -1), k as number];
    const [values, indices] = graph.node(
      'TopK',
      [graph.full(x!), graph.int64s([k])],
      [
        { type: x!.value.type, shape },
        { type: 'int64', shape },
      ],
      { axis: { int: -1 }, largest: { int: 1 }, sorted: { int: sorted === false ? 0 : 1 } },
    );
    return [values!, graph.cast(indices!, 'int32')];
  },
};
