import { tf } from '../../../engine/trace/index.js';
import { floats, positives, type Feeds } from './compare.js';

export type Operation = (x: tf.Tensor) => tf.Tensor;

const above = (shape: number[], amount: number): Feeds[string] => {
  const host = positives(shape);
  return { ...host, data: (host.data as Float32Array).map((x) => x + amount) };
};
const ids = [4, 0, 2, 2];

/** Operations with a gradient of tfjs, and an operand where they are smooth. */
export const unary: Record<string, [fn: Operation, x?: Feeds[string]]> = {
  abs: [tf.abs],
  acos: [tf.acos, floats([3, 4], 0, 0.9)],
  acosh: [tf.acosh, above([3, 4], 1.5)],
  asin: [tf.asin, floats([3, 4], 0, 0.9)],
  asinh: [tf.asinh],
  atan: [tf.atan],
  atanh: [tf.atanh, floats([3, 4], 0, 0.9)],
  broadcastTo: [(x) => tf.broadcastTo(tf.reshape(x, [3, 1, 4]), [3, 2, 4])],
  'cast to int32 and back': [(x) => tf.mul(x, tf.cast(tf.cast(x, 'int32'), 'float32'))],
  ceil: [(x) => tf.mul(x, tf.ceil(x)), floats([3, 4], 0, 0.9)],
  clipByValue: [(x) => tf.clipByValue(x, -0.5, 0.5)],
  'concat, split and stack': [
    (x) =>
      tf.stack(
        tf.split(tf.concat([x, tf.square(x)], 1), 2, 1).map((part) => tf.neg(part)),
        1,
      ),
  ],
  cos: [tf.cos],
  cosh: [tf.cosh],
  cumsum: [(x) => tf.cumsum(x, 1, true)],
  'divide, both ways': [(x) => tf.add(tf.div(x, tf.add(tf.square(tf.sum(x, 0, true)), 1)), tf.div(2, tf.add(x, 3)))],
  elu: [tf.elu],
  erf: [tf.erf],
  exp: [tf.exp],
  expm1: [tf.expm1],
  'floor division': [(x) => tf.mul(x, tf.floor(x)), floats([3, 4], 0, 0.9)],
  'gather rows': [(x) => tf.gather(x, ids), floats([5, 3])],
  'gather columns': [(x) => tf.gather(x, [2, 0, 2], 1)],
  leakyRelu: [(x) => tf.leakyRelu(x, 0.2)],
  log: [tf.log, positives([3, 4])],
  log1p: [tf.log1p, positives([3, 4])],
  logSoftmax: [(x) => tf.logSoftmax(x)],
  logSumExp: [(x) => tf.logSumExp(x, 1)],
  max: [(x) => tf.max(x, 1)],
  maximum: [(x) => tf.maximum(x, tf.mul(x, 0.5))],
  mean: [(x) => tf.mean(x, 0)],
  min: [(x) => tf.min(x, 0, true)],
  minimum: [(x) => tf.minimum(x, tf.scalar(0.2))],
  'multiply, broadcast': [(x) => tf.mul(x, tf.sum(x, 1, true))],
  pad: [(x) => tf.pad(x, [[1, 0], [0, 2]])], // prettier-ignore
  pow: [(x) => tf.pow(x, tf.add(tf.square(x), 1)), positives([3, 4])],
  prelu: [(x) => tf.prelu(x, tf.mean(x, 0))],
  reciprocal: [tf.reciprocal, positives([3, 4])],
  relu: [tf.relu],
  relu6: [tf.relu6, floats([3, 4], 0, 9)],
  reverse: [(x) => tf.reverse(x, 1)],
  rsqrt: [tf.rsqrt, positives([3, 4])],
  selu: [tf.selu],
  sigmoid: [tf.sigmoid],
  sin: [tf.sin],
  sinh: [tf.sinh],
  slice: [(x) => tf.slice(x, [1, 0], [2, 3])],
  softmax: [(x) => tf.softmax(x)],
  softplus: [tf.softplus],
  sqrt: [tf.sqrt, positives([3, 4])],
  square: [tf.square],
  squaredDifference: [(x) => tf.squaredDifference(x, tf.neg(tf.square(x)))],
  'sub, broadcast': [(x) => tf.sub(tf.sum(x), tf.mul(x, x))],
  tan: [tf.tan],
  tanh: [tf.tanh],
  tile: [(x) => tf.tile(x, [2, 3])],
  transpose: [(x) => tf.transpose(x)],
  unsortedSegmentSum: [(x) => tf.unsortedSegmentSum(x, tf.tensor1d(ids, 'int32'), 5), floats([4, 3])],
  unstack: [(x) => tf.addN(tf.unstack(x, 1).map((column, i) => tf.mul(column, i + 1)))],
  where: [(x) => tf.where(tf.greater(tf.range(0, 4), 1), tf.square(x), tf.neg(x))],
};

/** A scalar that weighs every element differently, so that no gradient can hide. */
export function weighted(y: tf.Tensor): tf.Scalar {
  const weights = Array.from({ length: y.size }, (_, i) => Math.cos(i * 0.9 + 0.2));
  return tf.sum(tf.mul(y, tf.tensor(weights, y.shape))) as tf.Scalar;
}
