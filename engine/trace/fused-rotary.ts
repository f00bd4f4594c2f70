import { defineFusedKernel } from './fused-kernel.js';
import { tf } from './tfjs.js';

const runRotary = defineFusedKernel({
  name: 'RatchetRotary',
  record: (graph, { x, cosine, sine }, { heads }) => {
    const [rows, features] = x!.shape as [number, number];
    const asBatch = (view: typeof x) => graph.full(graph.reshape(view!, [1, rows, view!.shape[1]!]));
    const turning = 2 * cosine!.shape[1]!;
    const y = graph.emit(
      'RotaryEmbedding',
      [x, cosine, sine].map(asBatch),
      { type: 'float32', shape: [1, rows, features] },
      {
        num_heads: { int: heads },
        ...(turning !== features / heads && { rotary_embedding_dim: { int: turning } }),
      },
    );
    return graph.reshape(y, [rows, features]);
  },
  compose: ({ x, cosine, sine }, { heads }) => {
    const [rows, features] = x!.shape as [number, number];
    const half = cosine!.shape[1]!;
    const size = features / heads;
    const perHead = tf.reshape(x!, [rows, heads, size]);
    const [first, second, rest] = tf.split(perHead, [half, half, size - 2 * half], 2) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const [cos, sin] = [tf.reshape(cosine!, [rows, 1, half]), tf.reshape(sine!, [rows, 1, half])];
    const turned = [
      tf.sub(tf.mul(first, cos), tf.mul(second, sin)),
      tf.add(tf.mul(second, cos), tf.mul(first, sin)),
      rest,
    ];
    return tf.reshape(tf.concat(turned, 2), [rows, features]);
  },
  inputsToSave: ['cosine', 'sine'],
  // The transpose of a rotation turns back; an amplitude in both tables stays as it is.
  gradient: (dy, [cosine, sine], { heads }) => ({ x: () => rotate(dy, cosine!, tf.neg(sine!), heads as number) }),
});

/**
 * Rotary position embedding in the half-split form (Su et al. 2021; transformers' Llama): of each head's features the pairs
 * (i, i + turning / 2) are rotated, those from `turning` on stay.
 *
 * @param x `[rows, heads · headSize]`
 * @param cosine of each row's angles, `[rows, turning / 2]`; no gradient, nor for `sine`
 */
export function rotate(x: tf.Tensor, cosine: tf.Tensor, sine: tf.Tensor, heads: number): tf.Tensor {
  return runRotary({ x, cosine, sine }, { heads })[0]!;
}
