import { batchMatMul, tf } from '../trace/index.js';
import type { LayerContext } from './layer-context.js';

/** Added to the score of a key that may not be seen; its softmax weight becomes exactly 0. */
const HIDDEN_KEY = -1e30;

/** Keys and values of one layer, `[batch, keyValueHeads, slots, headSize]`. */
export interface CacheLayer {
  key: tf.Tensor;
  value: tf.Tensor;
}

/** Earlier keys and values of one layer, and the additive mask `[batch, 1, 1, slots]` of the slots that hold one. */
export interface PastLayer extends CacheLayer {
  bias: tf.Tensor;
}

/** What an attention block or a whole layer returns. */
export interface LayerResult {
  /** `[batch · time, features]` */
  rows: tf.Tensor;
  /** The keys and values of this call's tokens, `[batch, keyValueHeads, time, headSize]`. */
  fresh: CacheLayer;
}

/**
 * The additive mask `[batch or 1, 1, time, time]` of causal attention among the tokens of one call.
 *
 * @param keyMask int32 `[batch, time]`, 1 where a token is; all of them when left out
 */
export function causalBias(time: number, keyMask: tf.Tensor | undefined): tf.Tensor {
  const causal = new Float32Array(time * time);
  for (let query = 0; query < time; query++) causal.fill(HIDDEN_KEY, query * time + query + 1, (query + 1) * time);
  const bias = tf.tensor(causal, [1, 1, time, time]);
  return keyMask ? tf.minimum(bias, keyBias(keyMask)) : bias;
}

/** The additive mask `[batch, 1, 1, keys]` of an int32 mask `[batch, keys]`: 0 where it is 1. */
export function keyBias(keyMask: tf.Tensor): tf.Tensor {
  const [batch, keys] = keyMask.shape as [number, number];
  const absent = tf.sub(1, tf.cast(keyMask, 'float32'));
  return tf.reshape(tf.mul(absent, HIDDEN_KEY), [batch, 1, 1, keys]);
}

/**
 * Scaled dot-product attention over heads, to the tokens of this call and, where given, to earlier ones.
 *
 * @param query `[batch · time, heads, headSize]`, already rotated
 * @param key `[batch · time, keyValueHeads, headSize]`; each serves heads / keyValueHeads consecutive query heads
 * @param bias see {@link causalBias}
 * @returns rows of heads · headSize features
 */
export function attend(
  context: LayerContext,
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  bias: tf.Tensor,
  past: PastLayer | undefined,
): LayerResult {
  const { batch, time, config } = context;
  const { heads, keyValueHeads, headSize } = config;
  const byHead = (x: tf.Tensor, count: number) =>
    tf.transpose(tf.reshape(x, [batch, time, count, headSize]), [0, 2, 1, 3]);
  const fresh: CacheLayer = { key: byHead(key, keyValueHeads), value: byHead(value, keyValueHeads) };
  // Query heads of one key/value head are consecutive, so stacking them along time shares its keys without copies.
  const group = (heads / keyValueHeads) * time;
  const queries = tf.reshape(byHead(query, heads), [batch, keyValueHeads, group, headSize]);
  const masked = (keys: tf.Tensor, mask: tf.Tensor) => {
    const scores = batchMatMul(queries, keys, { transposeB: true, alpha: 1 / Math.sqrt(headSize) });
    return tf.add(tf.reshape(scores, [batch, heads, time, keys.shape[2]!]), mask);
  };
  const mix = (weights: tf.Tensor, values: tf.Tensor) =>
    batchMatMul(tf.reshape(weights, [batch, keyValueHeads, group, values.shape[2]!]), values);

  let mixed: tf.Tensor;
  if (past) {
    // Earlier keys stay where they are: the two parts meet in the scores, which are small.
    const slots = past.key.shape[2]!;
    const scores = tf.concat([masked(past.key, past.bias), masked(fresh.key, bias)], 3);
    const [before, now] = tf.split(tf.softmax(scores), [slots, time], 3) as [tf.Tensor, tf.Tensor];
    mixed = tf.add(mix(before, past.value), mix(now, fresh.value));
  } else {
    mixed = mix(tf.softmax(masked(fresh.key, bias)), fresh.value);
  }
  const perHead = tf.reshape(mixed, [batch, heads, time, headSize]);
  return { rows: tf.reshape(tf.transpose(perHead, [0, 2, 1, 3]), [batch * time, heads * headSize]), fresh };
}
