import { attention, batchMatMul, byHead, tf } from '../trace/index.js';
import type { LayerContext } from './layer-context.js';

/**
 * Added to the score of a key that may not be seen; its softmax weight becomes exactly 0. Finite, so that a row which
 * sees no key at all attends to every key alike, as in transformers, instead of being NaN.
 */
const HIDDEN_KEY = -1e30;

/** Keys and values of one layer, `[batch, keyValueHeads, slots, headSize]`. */
export interface CacheLayer {
  key: tf.Tensor;
  value: tf.Tensor;
}

/** Earlier keys and values of one layer, and what is added to their scores, broadcasting to `[batch, heads, time, slots]`. */
export interface PastLayer extends CacheLayer {
  bias: tf.Tensor;
}

/** What attention, and a whole decoder layer, returns. */
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
 * @param window how many tokens each one sees, its own included; null is all
 * @param segments int32 `[batch, time]`; tokens of different segments do not see each other
 */
export function causalBias(
  time: number,
  keyMask: tf.Tensor | undefined,
  window: number | null = null,
  segments?: tf.Tensor,
): tf.Tensor {
  const causal = new Float32Array(time * time);
  for (let query = 0; query < time; query++) {
    causal.fill(HIDDEN_KEY, query * time + query + 1, (query + 1) * time);
    if (window !== null) causal.fill(HIDDEN_KEY, query * time, query * time + Math.max(0, query - window + 1));
  }
  const bias = tf.tensor(causal, [1, 1, time, time]);
  const present = keyMask ? tf.minimum(bias, keyBias(keyMask)) : bias;
  if (!segments) return present;
  const batch = segments.shape[0]!;
  const [queries, keys] = [tf.reshape(segments, [batch, 1, time, 1]), tf.reshape(segments, [batch, 1, 1, time])];
  return tf.minimum(present, tf.mul(tf.cast(tf.notEqual(queries, keys), 'float32'), HIDDEN_KEY));
}

/** The additive mask `[batch, 1, 1, keys]` of an int32 mask `[batch, keys]`: 0 where it is 1. */
export function keyBias(keyMask: tf.Tensor): tf.Tensor {
  const [batch, keys] = keyMask.shape as [number, number];
  const absent = tf.sub(1, tf.cast(keyMask, 'float32'));
  return tf.reshape(tf.mul(absent, HIDDEN_KEY), [batch, 1, 1, keys]);
}

/**
 * The additive mask `[batch, 1, time or 1, slots]` of earlier tokens, of which the one at position p is in slot p.
 *
 * @param pastMask int32 `[batch, slots]`
 * @param positions int32 `[batch, time]` of this call's tokens
 */
export function pastBias(pastMask: tf.Tensor, positions: tf.Tensor, window: number | null): tf.Tensor {
  const bias = keyBias(pastMask);
  if (window === null) return bias;
  const [batch, time] = positions.shape as [number, number];
  const slots = pastMask.shape[1]!;
  const slot = tf.tensor(
    Int32Array.from({ length: slots }, (_, i) => i),
    [1, 1, 1, slots],
    'int32',
  );
  const oldest = tf.sub(tf.reshape(positions, [batch, 1, time, 1]), tf.scalar(window, 'int32'));
  const outside = tf.cast(tf.lessEqual(slot, oldest), 'float32');
  return tf.minimum(bias, tf.mul(outside, HIDDEN_KEY));
}

/** The sizes of attention among the tokens of one call. */
const sizesOf = ({ batch, time, config }: LayerContext) => ({
  batch,
  time,
  heads: config.heads,
  keyValueHeads: config.keyValueHeads,
  headSize: config.headSize,
  scale: config.attentionScale,
});

/** Key and value rows as a layer of the cache. */
export const cacheLayer = (context: LayerContext, key: tf.Tensor, value: tf.Tensor): CacheLayer => ({
  key: byHead(key, sizesOf(context), context.config.keyValueHeads),
  value: byHead(value, sizesOf(context), context.config.keyValueHeads),
});

/**
 * Attention of the tokens of one call to themselves and, where given, to earlier ones.
 *
 * @param query and `key`: rows, already rotated
 * @param bias see {@link attend}
 * @returns rows of heads · headSize features, and what the cache grows by
 */
export function selfAttend(
  context: LayerContext,
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  bias: tf.Tensor,
  past?: PastLayer,
): LayerResult {
  if (past) {
    const fresh = cacheLayer(context, key, value);
    return { rows: attend(context, query, fresh, bias, past), fresh };
  }
  const { rows, keys, values } = attention(query, key, value, bias, sizesOf(context));
  return { rows, fresh: { key: keys, value: values } };
}

/**
 * Dot-product attention over heads, to one set of keys and, where given, to earlier ones.
 *
 * @param query rows `[batch · time, heads · headSize]`, already rotated
 * @param fresh keys and values; each head serves heads / keyValueHeads consecutive query heads
 * @param bias added to the scores, broadcasting to `[batch, heads, time, keys]`, see {@link causalBias}
 * @returns rows of heads · headSize features
 */
export function attend(
  context: LayerContext,
  query: tf.Tensor,
  fresh: CacheLayer,
  bias: tf.Tensor,
  past?: PastLayer,
): tf.Tensor {
  const { batch, time, config } = context;
  const { heads, keyValueHeads, headSize, attentionScale } = config;
  // Query heads of one key/value head are consecutive, so stacking them along time shares its keys without copies.
  const group = (heads / keyValueHeads) * time;
  const queries = tf.reshape(byHead(query, sizesOf(context), heads), [batch, keyValueHeads, group, headSize]);
  const masked = (keys: tf.Tensor, mask: tf.Tensor) => {
    const scores = batchMatMul(queries, keys, { transposeB: true, alpha: attentionScale });
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
  return tf.reshape(tf.transpose(perHead, [0, 2, 1, 3]), [batch * time, heads * headSize]);
}
