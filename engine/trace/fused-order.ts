import { defineFusedKernel } from './fused-kernel.js';
import { tf } from './tfjs.js';

const runAfter = defineFusedKernel({
  name: 'RatchetAfter',
  record: (graph, { x, other }) => graph.after(x!, other!),
  compose: ({ x }) => tf.clone(x!),
  gradient: (dy) => ({ x: () => dy }),
});

/**
 * `x`, but computed only once `other` is: decides when things are computed, and with that what has to be kept. A compiled
 * graph that does not need `other` for anything else forgets about it.
 *
 * @param x any shape, float32
 * @param other any shape, float32; gets no gradient
 */
export function computedAfter(x: tf.Tensor, other: tf.Tensor): tf.Tensor {
  return runAfter({ x, other })[0]!;
}
