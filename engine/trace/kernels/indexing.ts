import { RatchetError } from '../../../config/errors.js';
import type { GraphBuilder, Value, View } from '../graph.js';
import { tf } from '../tfjs.js';
import { parseAxis, type KernelTable } from './kernel.js';

/** Adds `updates` row by row into `rows` rows of zeros: the gradient of a lookup. Ids are `[n]` and must not be negative. */
function sumRows(graph: GraphBuilder, updates: View, ids: View, rows: number): View {
  const { type } = updates.value;
  const shape = [rows, ...updates.shape.slice(1)];
  const column = graph.reshape(graph.cast(ids, 'int64'), [updates.shape[0]!, ...updates.shape.slice(1).map(() => 1)]);
  const indices = graph.full({ value: column.value, shape: updates.shape });
  const zeros = graph.full(graph.uniform(0, type, shape));
  return graph.emit(
    'ScatterElements',
    [zeros, indices, graph.full(updates)],
    { type, shape },
    {
      axis: { int: 0 },
      reduction: { string: 'add' },
    },
  );
}

/** What tfjs' own shape checks read of a tensor. */
const asInfo = ({ shape, value }: View) =>
  ({ dataId: value, shape, rank: shape.length, dtype: value.type }) as unknown as tf.TensorInfo;

const int64Indices = (graph: GraphBuilder, indices: View): Value => graph.full(graph.cast(indices, 'int64'));

/** Kernels that read or write by index. */
export const indexingKernels: KernelTable = {
  GatherV2: (graph, { x, indices }, { axis, batchDims }) => {
    const along = parseAxis([axis].flat()[0], x!.shape.length);
    const type = x!.value.type;
    const batch = batchDims < 0 ? batchDims + indices!.shape.length : (batchDims ?? 0);
    if (batch === 0) {
      const shape = [...x!.shape.slice(0, along), ...indices!.shape, ...x!.shape.slice(along + 1)];
      const operands = [graph.full(x!), graph.full(graph.cast(indices!, 'int32'))];
      return graph.emit('Gather', operands, { type, shape }, { axis: { int: along } });
    }
    tf.backend_util.segment_util.collectGatherOpShapeInfo(asInfo(x!), asInfo(indices!), along, batch);
    if (along !== batch)
      throw new RatchetError('E_INTERNAL', `gather along axis ${along} with ${batch} batch axes cannot be recorded.`, {
        hint: 'Transpose so that the gathered axis follows the batch axes.',
      });
    const shape = [...x!.shape.slice(0, batch), ...indices!.shape.slice(batch), ...x!.shape.slice(along + 1)];
    const tuples = graph.reshape(graph.cast(indices!, 'int64'), [...indices!.shape, 1]);
    return graph.emit(
      'GatherND',
      [graph.full(x!), graph.full(tuples)],
      { type, shape },
      { batch_dims: { int: batch } },
    );
  },
  GatherNd: (graph, { params, indices }) => {
    tf.backend_util.prepareAndValidate(asInfo(params!) as tf.Tensor, asInfo(indices!) as tf.Tensor);
    const depth = indices!.shape.at(-1)!;
    const shape = [...indices!.shape.slice(0, -1), ...params!.shape.slice(depth)];
    return graph.emit('GatherND', [graph.full(params!), int64Indices(graph, indices!)], {
      type: params!.value.type,
      shape,
    });
  },
  ScatterNd: (graph, { indices, updates }, { shape }) => {
    const { type } = updates!.value;
    const zeros = graph.full(graph.uniform(0, type, shape));
    // A vector of indices names rows, as a column of them does.
    const tuples = indices!.shape.length === 1 ? graph.reshape(indices!, [...indices!.shape, 1]) : indices!;
    const operands = [zeros, int64Indices(graph, tuples), graph.full(updates!)];
    return graph.emit('ScatterND', operands, { type, shape }, { reduction: { string: 'add' } });
  },
  TensorScatterUpdate: (graph, { tensor, indices, updates }) => {
    const operands = [graph.full(tensor!), int64Indices(graph, indices!), graph.full(updates!)];
    return graph.emit('ScatterND', operands, { type: tensor!.value.type, shape: tensor!.shape });
  },
  UnsortedSegmentSum: (graph, { x, segmentIds }, { numSegments }) => sumRows(graph, x!, segmentIds!, numSegments),
  OneHot: (graph, { indices }, { depth, onValue, offValue, dtype }) => {
    const type = dtype ?? 'float32';
    const classes = graph.constant(
      Array.from({ length: depth }, (_, i) => i),
      'int32',
      [depth],
    );
    const column = graph.reshape(graph.cast(indices!, 'int32'), [...indices!.shape, 1]);
    const hit = graph.elementwise('Equal', [column, classes], 'bool');
    if (onValue === 1 && offValue === 0) return graph.cast(hit, type);
    return graph.elementwise('Where', [hit, graph.uniform(onValue, type), graph.uniform(offValue, type)], type);
  },
};
