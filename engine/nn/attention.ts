import { batchMatMul, tf } from '../trace/index.js';
import type { LayerContext } from './layer-context.js';

/** Added to the score of a key that may not be seen; its softmax weight becomes exactly 0. */
const HIDDEN_KEY = -1e30;

/** Keys and values of one layer, `[batch, keyValueHeads, capacity, headSize]`. */
export interface CacheLayer {
  key: tf.Tensor;
  value: tf.Tensor;
}

/** How new keys enter the cache: `place` `[batch or 1, 1, capacity, time]` is 1 where slot c takes new key t. */
export interface CacheWrite {
  place: tf.Tensor;
  /** `[batch or 1, 1, capacity, 1]`: 0 where a slot is overwritten, else 1. */
  keep: tf.Tensor;
}

export interface LayerCache {
  past: CacheLayer;
  write: CacheWrite;
  /** The updated layers are appended here. */
  present: CacheLayer[];
}

interface BiasInputs {
  time: number;
  keyMask: tf.Tensor | undefined;
  slot: tf.Tensor | undefined;
  capacity: number | undefined;
}

/** The additive mask `[batch or 1, 1, time, keys]` of causal attention, and the cache's write plan where there is one. */
export function attentionBias({ time, keyMask, slot, capacity }: BiasInputs): { bias: tf.Tensor; write?: CacheWrite } {
  if (slot === undefined || capacity === undefined) {
    const causal = new Float32Array(time * time);
    for (let query = 0; query < time; query++) causal.fill(HIDDEN_KEY, query * time + query + 1, (query + 1) * time);
    const bias = tf.tensor(causal, [1, 1, time, time]);
    return { bias: keyMask ? tf.minimum(bias, keyBias(keyMask)) : bias };
  }
  const count = slot.size;
  const first = tf.reshape(slot, [count, 1, 1, 1]);
  const slots = tf.reshape(tf.range(0, capacity, 1, 'int32'), [1, 1, capacity, 1]);
  const targets = tf.add(first, tf.reshape(tf.range(0, time, 1, 'int32'), [1, 1, 1, time]));
  const place = tf.cast(tf.equal(slots, targets), 'float32');
  const keep = tf.sub(1, tf.sum(place, 3, true));
  const keys = tf.reshape(slots, [1, 1, 1, capacity]);
  const later = tf.cast(tf.greater(keys, tf.reshape(targets, [count, 1, time, 1])), 'float32');
  const causal = tf.mul(later, HIDDEN_KEY);
  return { bias: keyMask ? tf.minimum(causal, keyBias(keyMask)) : causal, write: { place, keep } };
}

function keyBias(keyMask: tf.Tensor): tf.Tensor {
  const [batch, keys] = keyMask.shape as [number, number];
  const absent = tf.sub(1, tf.cast(keyMask, 'float32'));
  return tf.reshape(tf.mul(absent, HIDDEN_KEY), [batch, 1, 1, keys]);
}

/**
 * Scaled dot-product attention over heads.
 *
 * @param query `[batch · time, heads, headSize]`, already rotated
 * @param key `[batch · time, keyValueHeads, headSize]`; each serves heads / keyValueHeads consecutive query heads
 * @returns `[batch · time, heads · headSize]`
 */
export function attend(
  context: LayerContext,
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  bias: tf.Tensor,
  cache: LayerCache | undefined,
): tf.Tensor {
  const { batch, time, config } = context;
  const { heads, keyValueHeads, headSize } = config;
  const byHead = (x: tf.Tensor, count: number) =>
    tf.transpose(tf.reshape(x, [batch, time, count, headSize]), [0, 2, 1, 3]);
  let keys = byHead(key, keyValueHeads);
  let values = byHead(value, keyValueHeads);
  if (cache) {
    keys = enter(cache.past.key, keys, cache.write);
    values = enter(cache.past.value, values, cache.write);
    cache.present.push({ key: keys, value: values });
  }
  const span = keys.shape[2]!;
  // Query heads of one key/value head are consecutive, so stacking them along time shares its keys without copies.
  const group = (heads / keyValueHeads) * time;
  const queries = tf.reshape(byHead(query, heads), [batch, keyValueHeads, group, headSize]);
  const scores = batchMatMul(queries, keys, { transposeB: true, alpha: 1 / Math.sqrt(headSize) });
  const masked = tf.add(tf.reshape(scores, [batch, heads, time, span]), bias);
  const weights = tf.reshape(tf.softmax(masked), [batch, keyValueHeads, group, span]);
  const mixed = tf.reshape(batchMatMul(weights, values), [batch, heads, time, headSize]);
  return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch * time, heads * headSize]);
}

/** The cache with the new entries in their slots; a product with zeros and ones, so exact. */
function enter(past: tf.Tensor, fresh: tf.Tensor, { place, keep }: CacheWrite): tf.Tensor {
  return tf.add(tf.mul(past, keep), batchMatMul(place, fresh));
}
