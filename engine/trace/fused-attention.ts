import { defineFusedKernel } from './fused-kernel.js';
import { batchMatMul, sumToShape } from './fused-matrix.js';
import { tf } from './tfjs.js';

/** Sizes of one attention. Each key/value head serves heads / keyValueHeads consecutive query heads. */
export interface AttentionSizes {
  batch: number;
  time: number;
  heads: number;
  keyValueHeads: number;
  headSize: number;
  /** Factor on the scores, above 0. */
  scale: number;
}

/** Rows `[batch · time, heads · headSize]` as `[batch, heads, time, headSize]`. */
export function byHead(rows: tf.Tensor, { batch, time, headSize }: AttentionSizes, heads: number): tf.Tensor {
  return tf.transpose(tf.reshape(rows, [batch, time, heads, headSize]), [0, 2, 1, 3]);
}

/** {@link byHead} undone. */
function byRow(x: tf.Tensor, { batch, time, headSize }: AttentionSizes, heads: number): tf.Tensor {
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch * time, heads * headSize]);
}

/** `[batch, heads, …]` with the query heads of one key/value head stacked along time, so that they share its keys. */
const stacked = (x: tf.Tensor, { batch, heads, time, keyValueHeads }: AttentionSizes): tf.Tensor =>
  tf.reshape(x, [batch, keyValueHeads, (heads / keyValueHeads) * time, x.shape.at(-1)!]);

const runAttention = defineFusedKernel({
  name: 'RatchetAttention',
  record: (graph, { query, key, value, bias }, attributes) => {
    const { batch, time, heads, keyValueHeads, headSize, scale } = attributes as AttentionSizes;
    const rows = (x: typeof query) => graph.full(graph.reshape(x!, [batch, time, x!.shape[1]!]));
    const operands = [query, key, value].map(rows);
    // The operator wants every query's own row of a mask; one for all batches or heads is enough.
    const [batches, biased] = bias!.shape.length === 4 ? bias!.shape : [1, 1];
    const empty = bias!.value.uniform === 0;
    if (!empty) operands.push(graph.full({ value: bias!.value, shape: [batches!, biased!, time, time] }));
    const cache = { type: 'float32' as const, shape: [batch, keyValueHeads, time, headSize], optional: true };
    const [y, ...rest] = graph.node(
      'Attention',
      operands,
      [
        { type: 'float32', shape: [batch, time, heads * headSize] },
        cache,
        cache,
        { type: 'float32', shape: [batch, heads, time, time], optional: true },
      ],
      {
        q_num_heads: { int: heads },
        kv_num_heads: { int: keyValueHeads },
        scale: { float: scale },
        // The weights after the softmax.
        qk_matmul_output_mode: { int: 3 },
      },
    );
    return [graph.reshape(y!, [batch * time, heads * headSize]), ...rest];
  },
  compose: ({ query, key, value, bias }, attributes) => {
    const sizes = attributes as AttentionSizes;
    const { batch, time, heads, keyValueHeads, headSize, scale } = sizes;
    const [keys, values] = [byHead(key!, sizes, keyValueHeads), byHead(value!, sizes, keyValueHeads)];
    const queries = stacked(byHead(query!, sizes, heads), sizes);
    const scores = batchMatMul(queries, keys, { transposeB: true, alpha: scale });
    const weights = tf.softmax(tf.add(tf.reshape(scores, [batch, heads, time, time]), bias!));
    const mixed = tf.reshape(batchMatMul(stacked(weights, sizes), values), [batch, heads, time, headSize]);
    return [byRow(mixed, sizes, heads), keys, values, weights];
  },
  inputsToSave: ['query', 'bias'],
  outputsToSave: [true, true, true, true],
  gradient: (dy, [query, bias, y, keys, values, weights], attributes) => {
    const sizes = attributes as AttentionSizes;
    const { batch, time, heads, keyValueHeads, headSize, scale } = sizes;
    const upstream = () => stacked(byHead(dy, sizes, heads), sizes);
    const keyRows = (x: tf.Tensor) => byRow(x, sizes, keyValueHeads);
    /** By the scores: w · (dw − Σ w·dw), of which the sum is that of y·dy over the features. */
    const byScores = () => {
      const byWeights = tf.reshape(batchMatMul(upstream(), values!, { transposeB: true }), weights!.shape);
      const perHead = tf.reshape(tf.mul(dy, y!), [batch, time, heads, headSize]);
      const along = tf.transpose(tf.sum(perHead, 3, true), [0, 2, 1, 3]);
      return tf.mul(weights!, tf.sub(byWeights, along));
    };
    return {
      query: () => {
        const product = batchMatMul(stacked(byScores(), sizes), keys!, { alpha: scale });
        return byRow(tf.reshape(product, [batch, heads, time, headSize]), sizes, heads);
      },
      key: () => {
        const queries = stacked(byHead(query!, sizes, heads), sizes);
        return keyRows(batchMatMul(stacked(byScores(), sizes), queries, { transposeA: true, alpha: scale }));
      },
      value: () => keyRows(batchMatMul(stacked(weights!, sizes), upstream(), { transposeA: true })),
      bias: () => sumToShape(byScores(), bias!.shape),
    };
  },
});

/**
 * Scaled dot-product attention of a batch's tokens among themselves: `softmax(scale · q·kᵀ + bias) · v`, over heads.
 *
 * @param query `[batch · time, heads · headSize]`
 * @param key and `value`: `[batch · time, keyValueHeads · headSize]`
 * @param bias added to the scores, broadcasting to `[batch, heads, time, time]`
 * @returns `rows` like the query; `keys` and `values` `[batch, keyValueHeads, time, headSize]`, without gradient
 */
export function attention(
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  bias: tf.Tensor,
  sizes: AttentionSizes,
): { rows: tf.Tensor; keys: tf.Tensor; values: tf.Tensor } {
  const [rows, keys, values] = runAttention({ query, key, value, bias }, { ...sizes }) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  return { rows, keys, values };
}
