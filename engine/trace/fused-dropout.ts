import { RatchetError } from '../../config/errors.js';
import { defineFusedKernel } from './fused-kernel.js';
import { sizeOf, type GraphBuilder, type View } from './graph.js';
import { tf } from './tfjs.js';

/**
 * Masks come from a counter-based generator, so that a mask is a function of (seed, purpose, position) alone. Keys, rows and
 * columns each pass the 32-bit finalizer `mix` ("lowbias32" of Wellons' hash-prospector); an element then takes one more
 * xorshift-multiply of row + column, whose high bits decide. Only additions, multiplications, shifts and exclusive-ors modulo
 * 2³² are used, so every backend draws the same bits.
 */
const FIRST = 0x7feb352d;
const SECOND = 0x846ca68b | 0;
const GOLDEN = 0x9e3779b9 | 0;
const COLUMN_SALT = 0x85ebca6b | 0;

function mix(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), FIRST);
  x = Math.imul(x ^ (x >>> 15), SECOND);
  return x ^ (x >>> 16);
}

/** Hashes of the positions of one axis; `purpose` separates the masks of one seed. */
const positions = (count: number, purpose: number, salt: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => mix((Math.imul(i + 1, GOLDEN) + mix(purpose + salt)) | 0));

function layout(shape: number[]): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { rows: columns === 0 ? 0 : sizeOf(shape) / columns, columns };
}

/** Elements below this signed word are dropped. */
const thresholdOf = (rate: number): number => Math.round(rate * 2 ** 32) - 2 ** 31;

const integer = (graph: GraphBuilder, op: string, a: View, b: View): View => graph.elementwise(op, [a, b], 'int32');

function recordXorShift(graph: GraphBuilder, word: View, bits: number): View {
  const shifted = graph.elementwise('BitShift', [graph.cast(word, 'uint32'), graph.uniform(bits, 'uint32')], 'uint32', {
    direction: { string: 'RIGHT' },
  });
  return integer(graph, 'BitwiseXor', word, graph.cast(shifted, 'int32'));
}

function recordMix(graph: GraphBuilder, word: View): View {
  const once = integer(graph, 'Mul', recordXorShift(graph, word, 16), graph.uniform(FIRST, 'int32'));
  const twice = integer(graph, 'Mul', recordXorShift(graph, once, 15), graph.uniform(SECOND, 'int32'));
  return recordXorShift(graph, twice, 16);
}

/** The keys depend on the seed alone: they are recorded once and shared by all masks of a graph. */
const recordedKeys = new WeakMap<object, { row: View; column: View }>();

function recordKeys(graph: GraphBuilder, seed: View): { row: View; column: View } {
  const known = recordedKeys.get(seed.value);
  if (known) return known;
  const [first, second] = graph.node(
    'Split',
    [graph.full(seed), graph.int64s([1, 1])],
    [
      { type: 'int32', shape: [1] },
      { type: 'int32', shape: [1] },
    ],
    { axis: { int: 0 } },
  );
  const row = recordMix(graph, integer(graph, 'Add', first!, recordMix(graph, second!)));
  const column = recordMix(graph, integer(graph, 'Add', row, graph.uniform(GOLDEN, 'int32')));
  const keys = { row, column };
  recordedKeys.set(seed.value, keys);
  return keys;
}

function maskOnHost(seed: ArrayLike<number>, shape: number[], rate: number, purpose: number): Uint8Array {
  const { rows, columns } = layout(shape);
  const rowKey = mix((seed[0]! + mix(seed[1]!)) | 0);
  const columnKey = mix((rowKey + GOLDEN) | 0);
  const rowHashes = positions(rows, purpose, 0).map((hash) => mix(hash ^ rowKey));
  const columnHashes = positions(columns, purpose, COLUMN_SALT).map((hash) => mix(hash ^ columnKey));
  const threshold = thresholdOf(rate);
  const mask = new Uint8Array(rows * columns);
  for (let i = 0; i < mask.length; i++) {
    const sum = (rowHashes[Math.floor(i / columns)]! + columnHashes[i % columns]!) | 0;
    mask[i] = Math.imul(sum ^ (sum >>> 15), FIRST) >= threshold ? 1 : 0;
  }
  return mask;
}

const runMask = defineFusedKernel({
  name: 'RatchetDropoutMask',
  record: (graph, { seed }, { shape, rate, purpose }) => {
    const { rows, columns } = layout(shape);
    const keys = recordKeys(graph, seed!);
    const rowHashes = graph.constant(positions(rows, purpose, 0), 'int32', [rows, 1]);
    const columnHashes = graph.constant(positions(columns, purpose, COLUMN_SALT), 'int32', [1, columns]);
    const row = recordMix(graph, integer(graph, 'BitwiseXor', rowHashes, keys.row));
    const column = recordMix(graph, integer(graph, 'BitwiseXor', columnHashes, keys.column));
    const word = recordXorShift(graph, integer(graph, 'Add', row, column), 15);
    const hashed = integer(graph, 'Mul', word, graph.uniform(FIRST, 'int32'));
    const keep = graph.elementwise('GreaterOrEqual', [hashed, graph.uniform(thresholdOf(rate), 'int32')], 'bool');
    return graph.reshape(keep, shape);
  },
  compose: ({ seed }, { shape, rate, purpose }) =>
    tf.tensor(maskOnHost(seed!.dataSync(), shape, rate, purpose), shape, 'bool'),
});

/**
 * A mask that is true where an element is kept, with probability `1 − rate`.
 * @param rate 0 ≤ rate < 1
 * @param seed int32 `[2]`, fed at each step
 * @param purpose what the mask is for: another number gives an independent mask of the same seed
 * @returns bool, of the given shape
 */
export function dropoutMask(shape: number[], rate: number, seed: tf.Tensor, purpose: number): tf.Tensor {
  if (!(rate >= 0 && rate < 1))
    throw new RatchetError('E_CONFIG_INVALID', `A dropout rate of ${rate} is outside 0 ≤ rate < 1.`, {
      hint: 'Set loraDropout to a number from 0 to below 1.',
    });
  return runMask({ seed }, { shape, rate, purpose })[0]!;
}

/**
 * Inverted dropout (Srivastava et al. 2014): elements are zeroed with probability `rate`, the others divided by `1 − rate`.
 * The mask depends on (seed, purpose) alone, so a recomputed forward pass draws the same one.
 * @param x any shape
 * @param seed int32 `[2]`; see {@link dropoutMask}
 */
export function dropout(x: tf.Tensor, rate: number, seed: tf.Tensor, purpose: number): tf.Tensor {
  if (rate === 0) return x;
  const keep = dropoutMask(x.shape, rate, seed, purpose);
  const masked = (values: tf.Tensor, mask: tf.Tensor) => tf.where(mask, tf.mul(values, 1 / (1 - rate)), tf.scalar(0));
  const apply = tf.customGrad(((values: tf.Tensor, save: (tensors: tf.Tensor[]) => void) => {
    save([keep]);
    return { value: masked(values, keep), gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => masked(dy, saved!) };
  }) as unknown as Parameters<typeof tf.customGrad>[0]);
  return apply(x);
}
