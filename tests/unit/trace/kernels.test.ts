import { describe, expect, it } from 'vitest';
import { recordedKernels } from '../../../engine/trace/recorder.js';
import { tf } from '../../../engine/trace/tfjs.js';
import { booleans, expectLikeOracle, floats, integers, positives, type Feeds } from './compare.js';

type One = (x: tf.Tensor) => tf.Tensor;
type Two = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
interface Case {
  /** The tfjs kernel that the case is there for. */
  kernel: string;
  what?: string;
  feeds: Feeds;
  fn(t: Record<string, tf.Tensor>): Record<string, tf.Tensor>;
  tolerance?: number;
}

// Under another name: a linter takes every `.fill([…])` for Array's.
const { fill: filled } = tf;

const numbered = (tensors: tf.Tensor[]) => Object.fromEntries(tensors.map((tensor, i) => [`y${i}`, tensor]));

const one = (kernel: string, fn: One, x = floats([3, 4]), tolerance?: number): Case => ({
  kernel,
  feeds: { x },
  fn: ({ x: operand }) => ({ y: fn(operand!) }),
  tolerance,
});

/** The same operation on equal shapes, on broadcast shapes and with a scalar constant. */
const two = (kernel: string, fn: Two, a = floats([2, 3, 4]), b = floats([2, 3, 4], 5)): Case[] => [
  { kernel, feeds: { a, b }, fn: (t) => ({ y: fn(t['a']!, t['b']!) }) },
  {
    kernel,
    what: 'broadcast',
    feeds: { a: { ...a, shape: [2, 3, 4] }, b: { ...b, shape: [3, 1], data: b.data.slice(0, 3) as typeof b.data } },
    fn: (t) => ({ y: fn(t['a']!, t['b']!), z: fn(t['b']!, t['a']!) }),
  },
  {
    kernel,
    what: 'constant',
    feeds: { a },
    fn: (t) => ({ y: fn(t['a']!, filled([3, 4], a.dtype === 'bool' ? 1 : 2, a.dtype as 'float32')) }),
  },
];

const truths = booleans([2, 3, 4], [1, 0, 0, 1, 1]);
const others = booleans([2, 3, 4], [1, 1, 0]);
const small = integers([2, 3, 4], [7, -7, 3, 0, -2]);
const dividends = integers([2, 3, 4], [7, -7, 3, -2]);
const divisors = integers([2, 3, 4], [2, -3, 5, 4]);
const wild: Feeds[string] = { dtype: 'float32', shape: [5], data: Float32Array.of(1, NaN, Infinity, -Infinity, 0) };
const unit = floats([3, 4], 0, 0.9);

const cases: Case[] = [
  ...two('Add', tf.add),
  ...two('Sub', tf.sub),
  ...two('Multiply', tf.mul),
  ...two('RealDiv', tf.div, floats([2, 3, 4]), positives([2, 3, 4])),
  ...two('Maximum', tf.maximum),
  ...two('Minimum', tf.minimum),
  ...two('Pow', tf.pow, positives([2, 3, 4]), floats([2, 3, 4])),
  ...two('Mod', tf.mod, floats([2, 3, 4], 0, 5), floats([2, 3, 4], 3, 2)),
  ...two('Mod', tf.mod, dividends, divisors),
  ...two('FloorDiv', tf.floorDiv, dividends, divisors),
  ...two('SquaredDifference', tf.squaredDifference),
  ...two('Add', tf.add, small, divisors),
  ...two('Equal', tf.equal, small, integers([2, 3, 4], [7, 3])),
  ...two('NotEqual', tf.notEqual, small, integers([2, 3, 4], [7, 3])),
  ...two('Greater', tf.greater),
  ...two('GreaterEqual', tf.greaterEqual, small, integers([2, 3, 4], [7, 3])),
  ...two('Less', tf.less),
  ...two('LessEqual', tf.lessEqual, small, integers([2, 3, 4], [7, 3])),
  ...two('LogicalAnd', tf.logicalAnd, truths, others),
  ...two('LogicalOr', tf.logicalOr, truths, others),
  ...two('LogicalXor', tf.logicalXor, truths, others),
  one('LogicalNot', tf.logicalNot, truths),
  one('IsNan', tf.isNaN, wild),
  one('IsInf', tf.isInf, wild),
  one('IsFinite', tf.isFinite, wild),
  {
    kernel: 'AddN',
    feeds: { a: floats([3]), b: floats([3], 1), c: floats([3], 2) },
    fn: (t) => ({ y: tf.addN([t['a']!, t['b']!, t['c']!, tf.ones([3])]) }),
  },
  {
    kernel: 'Select',
    feeds: { c: truths, a: floats([2, 3, 4]), b: floats([2, 3, 4], 4) },
    fn: (t) => ({ y: tf.where(t['c']!, t['a']!, t['b']!), z: tf.where(t['c']!, t['a']!, tf.scalar(0)) }),
  },

  one('Abs', tf.abs),
  one('Neg', tf.neg),
  one('Neg', tf.neg, small),
  one('Sign', tf.sign),
  one('Relu', tf.relu),
  one('Relu6', tf.relu6, floats([3, 4], 0, 9)),
  one('Elu', tf.elu),
  one('Selu', tf.selu),
  one('LeakyRelu', (x) => tf.leakyRelu(x, 0.3)),
  one('Prelu', (x) => tf.prelu(x, tf.tensor([0.1, 0.2, 0.3, 0.4]))),
  one('Ceil', tf.ceil, floats([3, 4], 0, 5)),
  one('Floor', tf.floor, floats([3, 4], 0, 5)),
  one('Round', tf.round, { dtype: 'float32', shape: [5], data: Float32Array.of(0.5, 1.5, 2.5, -0.6, 2.4) }),
  one('Exp', tf.exp),
  one('Expm1', tf.expm1),
  one('Log', tf.log, positives([3, 4])),
  one('Log1p', tf.log1p, positives([3, 4])),
  one('Sqrt', tf.sqrt, positives([3, 4])),
  one('Rsqrt', tf.rsqrt, positives([3, 4])),
  one('Reciprocal', tf.reciprocal, positives([3, 4])),
  one('Square', tf.square),
  one('Sigmoid', tf.sigmoid),
  one('Tanh', tf.tanh),
  one('Erf', tf.erf),
  one('Softplus', tf.softplus),
  one('Sin', tf.sin),
  one('Cos', tf.cos),
  one('Tan', tf.tan),
  one('Asin', tf.asin, unit),
  one('Acos', tf.acos, unit),
  one('Atan', tf.atan),
  one('Sinh', tf.sinh),
  one('Cosh', tf.cosh),
  one('Asinh', tf.asinh),
  one('Acosh', (x) => tf.acosh(tf.add(x, 2))),
  one('Atanh', tf.atanh, unit),
  one('Step', (x) => tf.step(x, 0.25)),
  one('Step', (x) => tf.step(x)),
  one('ClipByValue', (x) => tf.clipByValue(x, -0.5, 0.25)),
  one('Cast', (x) => tf.cast(tf.mul(x, 10), 'int32')),
  one('Cast', (x) => tf.cast(x, 'float32'), truths),
  one('Cast', (x) => tf.cast(x, 'bool'), small),
  one('Identity', (x) => tf.clone(x)),
  one('EluGrad', (x) => tf.grad(tf.elu)(x)),

  one('Sum', (x) => tf.sum(x)),
  one('Sum', (x) => tf.sum(x, [0, 2]), floats([2, 3, 4])),
  one('Sum', (x) => tf.sum(x, -1, true), small),
  one('Sum', (x) => tf.sum(tf.onesLike(x), 0)),
  one('Sum', (x) => tf.sum(x), truths),
  one('Mean', (x) => tf.mean(x, 1)),
  one('Mean', (x) => tf.mean(x, 1), small),
  one('Max', (x) => tf.max(x, 0)),
  one('Min', (x) => tf.min(x, 1, true)),
  one('Prod', (x) => tf.prod(x, 1)),
  one('All', (x) => tf.all(x, 1), truths),
  one('Any', (x) => tf.any(x, [0, 1]), truths),
  one('ArgMax', (x) => tf.argMax(x, 1)),
  one('ArgMin', (x) => tf.argMin(x, 0)),
  one('Softmax', (x) => tf.softmax(x)),
  one('LogSoftmax', (x) => tf.logSoftmax(x)),
  one('Cumsum', (x) => tf.cumsum(x, 1)),
  one('Cumsum', (x) => tf.cumsum(x, 0, true, true)),
  {
    kernel: 'TopK',
    feeds: { x: integers([2, 6], [3, 9, 9, 1, 4, 0, 7]) },
    fn: ({ x }) => {
      const { values, indices } = tf.topk(x!, 3);
      return { values, indices };
    },
  },

  ...[false, true].flatMap((transposeA) =>
    [false, true].map((transposeB): Case => ({
      kernel: 'BatchMatMul',
      what: `transposes ${transposeA} ${transposeB}`,
      feeds: { a: floats(transposeA ? [2, 4, 3] : [2, 3, 4]), b: floats(transposeB ? [2, 5, 4] : [2, 4, 5], 2) },
      fn: (t) => ({
        batches: tf.matMul(t['a']!, t['b']!, transposeA, transposeB),
        matrices: tf.matMul(tf.gather(t['a']!, 0), tf.gather(t['b']!, 1), transposeA, transposeB),
      }),
    })),
  ),

  one('Reshape', (x) => tf.reshape(x, [2, -1])),
  one('Reshape', (x) => tf.reshape(tf.broadcastTo(tf.sum(x, 1, true), [3, 4]), [2, 6])),
  one('ExpandDims', (x) => tf.expandDims(x, -1)),
  one('Transpose', (x) => tf.transpose(x, [2, 0, 1]), floats([2, 3, 4])),
  one('Transpose', (x) => tf.transpose(x), floats([2, 3, 4])),
  one('Transpose', (x) => tf.transpose(x, [1, 0, 2]), floats([1, 3, 4])),
  one('BroadcastTo', (x) => tf.broadcastTo(tf.reshape(x, [3, 1, 4]), [3, 2, 4])),
  one('Concat', (x) => tf.concat([x, tf.ones([3, 2]), x], 1)),
  one('Pack', (x) => tf.stack([x, tf.neg(x)], 1)),
  { kernel: 'Unpack', feeds: { x: floats([3, 2]) }, fn: ({ x }) => numbered(tf.unstack(x!, 1)) },
  { kernel: 'SplitV', feeds: { x: floats([3, 6]) }, fn: ({ x }) => numbered(tf.split(x!, 3, 1)) },
  { kernel: 'SplitV', feeds: { x: floats([3, 6]) }, fn: ({ x }) => numbered(tf.split(x!, [1, -1, 2], -1)) },
  one('Slice', (x) => tf.slice(x, [1, 0], [-1, 3])),
  one('StridedSlice', (x) => tf.stridedSlice(x, [2, 0], [0, 4], [-1, 2])),
  one('StridedSlice', (x) => tf.stridedSlice(x, [0, 1], [3, 2], [1, 1], 1, 0, 0, 0, 2)),
  one('StridedSlice', (x) => tf.stridedSlice(x, [-1, 0], [-4, 4], [-1, 1])),
  one('Reverse', (x) => tf.reverse(x, [0, 1])),
  one('PadV2', (x) => tf.pad(x, [[1, 0], [0, 2]], 7)), // prettier-ignore
  one('Tile', (x) => tf.tile(x, [2, 3])),
  one('Fill', (x) => tf.add(x, filled([3, 4], 3))),
  one('ZerosLike', (x) => tf.add(x, tf.zerosLike(x))),
  one('OnesLike', (x) => tf.div(tf.onesLike(x), tf.add(x, 4))),
  one('Range', (x) => tf.add(x, tf.range(0, 8, 2))),
  one('LinSpace', (x) => tf.add(x, tf.linspace(0, 1, 4))),

  {
    kernel: 'GatherV2',
    feeds: { x: floats([5, 3]), i: integers([2, 3], [4, 0, 2, 2, 1, 3]) },
    fn: ({ x, i }) => ({
      rows: tf.gather(x!, i as tf.Tensor1D),
      columns: tf.gather(x!, tf.tensor1d([2, 0], 'int32'), 1),
    }),
  },
  {
    kernel: 'GatherV2',
    what: 'batched',
    feeds: { x: floats([2, 5, 3]), i: integers([2, 4], [4, 0, 2, 2, 1, 3]) },
    fn: ({ x, i }) => ({ y: tf.gather(x!, i as tf.Tensor1D, 1, 1) }),
  },
  {
    kernel: 'GatherNd',
    feeds: { x: floats([5, 3]), i: integers([4, 2], [4, 0, 2, 2, 1, 1]) },
    fn: ({ x, i }) => ({ y: tf.gatherND(x!, i!) }),
  },
  {
    kernel: 'ScatterNd',
    feeds: { i: integers([4, 1], [4, 0, 2, 0]), u: floats([4, 3]) },
    fn: ({ i, u }) => ({ y: tf.scatterND(i!, u!, [5, 3]) }),
  },
  {
    kernel: 'TensorScatterUpdate',
    feeds: { x: floats([5, 3], 3), i: integers([2, 1], [4, 1]), u: floats([2, 3]) },
    fn: ({ x, i, u }) => ({ y: tf.tensorScatterUpdate(x!, i!, u!) }),
  },
  {
    kernel: 'UnsortedSegmentSum',
    feeds: { x: floats([6, 3]), i: integers([6], [4, 0, 4, 2, 4, 0]) },
    fn: ({ x, i }) => ({ y: tf.unsortedSegmentSum(x!, i as tf.Tensor1D, 5) }),
  },
  {
    kernel: 'OneHot',
    feeds: { i: integers([2, 3], [4, 0, -1, 2, 7, 0]) },
    fn: ({ i }) => ({ plain: tf.oneHot(i!, 5), smoothed: tf.oneHot(i!, 5, 0.9, 0.02) }),
  },
];

describe('recorded kernels', () => {
  it.each(cases.map((entry) => [`${entry.kernel}${entry.what ? ` (${entry.what})` : ''}`, entry] as const))(
    '%s gives what the cpu backend gives',
    async (_, { feeds, fn, tolerance }) => {
      await expectLikeOracle(feeds, fn, tolerance);
    },
  );

  it('are all covered by a case', () => {
    const covered = new Set([...cases.map((entry) => entry.kernel), 'StopGradient']);
    expect(recordedKernels.filter((kernel) => !covered.has(kernel))).toEqual([]);
  });
});
