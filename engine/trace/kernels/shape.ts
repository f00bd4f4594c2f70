import { tf } from '../tfjs.js';
import { sameShape, type ElementType, type GraphBuilder, type View } from '../graph.js';
import { parseAxis, type KernelTable, type RecordKernel } from './kernel.js';

const typeOf = (dtype: string | undefined): ElementType => (dtype ?? 'float32') as ElementType;

/** Where ONNX reads an end of a backward slice as "before the first element". */
const BEFORE_START = -(2 ** 31);

function slice(graph: GraphBuilder, x: View, begin: number[], end: number[], strides: number[], shape: number[]): View {
  const axes = begin.map((_, axis) => axis);
  const whole = axes.every((axis) => begin[axis] === 0 && strides[axis] === 1 && end[axis]! >= x.shape[axis]!);
  if (whole) return x;
  const operands = [begin, end, axes, strides].map((list) => graph.int64s(list));
  return graph.emit('Slice', [graph.full(x), ...operands], { type: x.value.type, shape });
}

function split(graph: GraphBuilder, x: View, sizes: number[], axis: number): View[] {
  if (sizes.length === 1) return [x];
  const outputs = sizes.map((extent) => ({ type: x.value.type, shape: x.shape.with(axis, extent) }));
  return graph.node('Split', [graph.full(x), graph.int64s(sizes)], outputs, { axis: { int: axis } });
}

function concatenate(graph: GraphBuilder, parts: View[], axis: number): View {
  tf.backend_util.assertParamsConsistent(
    parts.map((part) => part.shape),
    axis,
  );
  const present = parts.filter((part) => part.shape[axis] !== 0);
  if (present.length === 1) return present[0]!;
  const first = parts[0]!;
  if (present.length === 0) return first;
  const extent = parts.reduce((total, part) => total + part.shape[axis]!, 0);
  return graph.emit(
    'Concat',
    present.map((part) => graph.full(part)),
    { type: first.value.type, shape: first.shape.with(axis, extent) },
    { axis: { int: axis } },
  );
}

const filledLike =
  (number: number): RecordKernel =>
  (graph, { x }) =>
    graph.uniform(number, x!.value.type, x!.shape);

/** Kernels that move, view or create elements. */
export const shapeKernels: KernelTable = {
  Reshape: (graph, { x }, { shape }) => {
    const size = x!.shape.reduce((product, extent) => product * extent, 1);
    return graph.reshape(x!, tf.util.inferFromImplicitShape(shape, size));
  },
  ExpandDims: (graph, { input }, { dim }) => {
    const rank = input!.shape.length;
    tf.util.assert(
      dim >= -(rank + 1) && dim <= rank,
      () => `expandDims: axis ${dim} is outside [${-(rank + 1)}, ${rank}]`,
    );
    return graph.reshape(input!, input!.shape.toSpliced(parseAxis(dim, rank + 1), 0, 1));
  },
  Transpose: (graph, { x }, { perm }: { perm?: number[] }) => {
    const order = perm ?? x!.shape.map((_, i) => x!.shape.length - 1 - i);
    const shape = order.map((axis) => x!.shape[axis]!);
    if (x!.value.uniform !== undefined) return { value: x!.value, shape };
    if (order.every((axis, i) => axis === i)) return x!;
    const { op, attributes, inputs } = x!.value.producer ?? {};
    const earlier =
      op === 'Transpose' && attributes!['perm'] !== undefined ? (attributes!['perm'] as { ints: number[] }).ints : [];
    if (sameShape(x!.shape, x!.value.shape) && order.every((axis, i) => earlier[axis] === i))
      return { value: inputs![0]!, shape };
    const moved = order.filter((axis) => x!.shape[axis] !== 1);
    if (moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)) return graph.reshape(x!, shape);
    return graph.emit('Transpose', [graph.full(x!)], { type: x!.value.type, shape }, { perm: { ints: order } });
  },
  BroadcastTo: (_, { x }, { shape }) => ({ value: x!.value, shape }),
  Concat: (graph, operands, { axis }) => {
    const parts = Object.values(operands);
    return concatenate(graph, parts, parseAxis([axis].flat()[0], parts[0]!.shape.length));
  },
  Pack: (graph, operands, { axis }) => {
    const parts = Object.values(operands);
    const [first] = parts;
    for (const { shape, value } of parts)
      tf.util.assert(
        sameShape(shape, first!.shape) && value.type === first!.value.type,
        () => `stack: [${shape}] ${value.type} beside [${first!.shape}] ${first!.value.type}`,
      );
    const along = parseAxis(axis, first!.shape.length + 1);
    return concatenate(
      graph,
      parts.map((part) => graph.reshape(part, part.shape.toSpliced(along, 0, 1))),
      along,
    );
  },
  Unpack: (graph, { value }, { axis }) => {
    const along = parseAxis(axis, value!.shape.length);
    const shape = value!.shape.toSpliced(along, 1);
    const sizes = Array.from({ length: value!.shape[along]! }, () => 1);
    return split(graph, value!, sizes, along).map((part) => graph.reshape(part, shape));
  },
  SplitV: (graph, { x }, { numOrSizeSplits, axis }) => {
    const along = parseAxis(axis, x!.shape.length);
    const sizes = tf.backend_util.prepareSplitSize(
      x as unknown as Parameters<typeof tf.backend_util.prepareSplitSize>[0],
      numOrSizeSplits,
      along,
    );
    return split(graph, x!, sizes, along);
  },
  Slice: (graph, { x }, { begin, size }) => {
    const info = { shape: x!.shape, rank: x!.shape.length } as tf.Tensor;
    const [start, shape] = tf.slice_util.parseSliceParams(info, begin, size) as [number[], number[]];
    tf.slice_util.assertParamsValid(info, start, shape);
    const end = start.map((position, i) => position + shape[i]!);
    return slice(
      graph,
      x!,
      start,
      end,
      start.map(() => 1),
      shape,
    );
  },
  StridedSlice: (graph, { x }, attributes) => {
    const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
    const info = tf.slice_util.sliceInfo(
      x!.shape,
      begin,
      end,
      strides,
      beginMask,
      endMask,
      ellipsisMask,
      newAxisMask,
      shrinkAxisMask,
    );
    const stops = info.end.map((stop, i) => (info.strides[i]! < 0 && stop < 0 ? BEFORE_START : stop));
    // The shape before axes are dropped or added; tfjs gives only the shapes after.
    const extents = info.begin.map((start, i) => Math.max(0, Math.ceil((info.end[i]! - start) / info.strides[i]!)));
    const sparse = slice(graph, x!, info.begin, stops, info.strides, extents);
    return graph.reshape(sparse, info.finalShape);
  },
  Reverse: (graph, { x }, { dims }) => {
    const axes = tf.util.parseAxisParam(dims, x!.shape);
    if (x!.shape.length === 0 || axes.length === 0) return x!;
    const operands = [axes.map(() => -1), axes.map(() => BEFORE_START), axes, axes.map(() => -1)];
    return graph.emit('Slice', [graph.full(x!), ...operands.map((list) => graph.int64s(list))], {
      type: x!.value.type,
      shape: x!.shape,
    });
  },
  PadV2: (graph, { x }, { paddings, constantValue }) => {
    const pairs = paddings as [before: number, after: number][];
    const type = x!.value.type;
    const shape = x!.shape.map((extent, i) => extent + pairs[i]![0] + pairs[i]![1]);
    const amounts = graph.int64s([...pairs.map((pair) => pair[0]), ...pairs.map((pair) => pair[1])]);
    return graph.emit(
      'Pad',
      [graph.full(x!), amounts, graph.uniform(constantValue, type).value],
      { type, shape },
      {
        mode: { string: 'constant' },
      },
    );
  },
  Tile: (graph, { x }, { reps }) => {
    const shape = x!.shape.map((extent, i) => extent * (reps as number[])[i]!);
    if (x!.value.uniform !== undefined) return { value: x!.value, shape };
    return graph.emit('Tile', [graph.full(x!), graph.int64s(reps)], { type: x!.value.type, shape });
  },
  Fill: (graph, _, { shape, value, dtype }) => graph.uniform(value, typeOf(dtype), shape),
  ZerosLike: filledLike(0),
  OnesLike: filledLike(1),
  Range: (graph, _, { start, stop, step, dtype }) => {
    // tfjs counts down by itself when no step is named.
    const by = stop < start && step === 1 ? -1 : step;
    const count = Math.max(0, Math.ceil((stop - start) / by));
    const values = Array.from({ length: count }, (__, i) => start + i * by);
    return graph.constant(values, typeOf(dtype), [count]);
  },
  LinSpace: (graph, _, { start, stop, num }) => {
    const step = num > 1 ? (stop - start) / (num - 1) : 0;
    return graph.constant(
      Array.from({ length: num }, (__, i) => start + i * step),
      'float32',
      [num],
    );
  },
};
