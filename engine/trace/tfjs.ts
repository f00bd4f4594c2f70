/**
 * The one place where tfjs is loaded. `@tensorflow/tfjs` is imported for its side effects: it registers the gradients
 * of every op and the cpu backend (tfjs-core's own `register_all_gradients.js` cannot be loaded as an ES module by Node).
 */
// oxlint-disable-next-line import/no-unassigned-import -- loaded for its registrations
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';

// Silences the advice to install tfjs-node, which the cpu backend prints on its first use.
tf.env().set('PROD', true);

export { tf };

/**
 * Runs `fn` and restores the gradient tape that was active before it. tfjs sets the tape to null at the end of an outermost
 * `tf.grads`; inside the `gradFunc` of a custom gradient that would lose the tape of the gradient being computed.
 */
export function withTapeSaved<T>(fn: () => T): T {
  const state = (tf.engine() as unknown as { state: { activeTape: unknown } }).state;
  const tape = state.activeTape;
  try {
    return fn();
  } finally {
    state.activeTape = tape;
  }
}
