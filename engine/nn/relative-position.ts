import { tf } from '../trace/index.js';
import type { EncoderDecoderConfig } from './config.js';

/**
 * T5's bucket of a relative position (key − query): one bucket for each small distance, then logarithmically wider
 * ones. In single precision as PyTorch computes it, or distances at a boundary would fall into the next bucket.
 *
 * @param bidirectional in the encoder, where half of the buckets are for keys after the query; in the decoder keys
 *   after the query are in bucket 0
 */
export function relativeBucket(
  { relativeBuckets, relativeMaxDistance }: EncoderDecoderConfig,
  relative: number,
  bidirectional: boolean,
): number {
  const buckets = bidirectional ? Math.floor(relativeBuckets / 2) : relativeBuckets;
  const offset = bidirectional && relative > 0 ? buckets : 0;
  const distance = bidirectional ? Math.abs(relative) : Math.max(0, -relative);
  const exact = Math.floor(buckets / 2);
  if (distance < exact) return offset + distance;
  const logarithm = Math.fround(Math.log(Math.fround(distance / exact)));
  const share = Math.fround(logarithm / Math.fround(Math.log(relativeMaxDistance / exact)));
  return offset + Math.min(buckets - 1, exact + Math.trunc(Math.fround(share * (buckets - exact))));
}

/** What T5 adds to the scores among the tokens of one call, `[1, heads, time, time]`. @param table `[buckets, heads]` */
export function relativeBias(
  config: EncoderDecoderConfig,
  table: tf.Tensor,
  time: number,
  bidirectional: boolean,
): tf.Tensor {
  const buckets = Int32Array.from({ length: time * time }, (_, i) =>
    relativeBucket(config, (i % time) - Math.floor(i / time), bidirectional),
  );
  const rows = tf.gather(table, tf.tensor1d(buckets, 'int32'));
  return tf.reshape(tf.transpose(rows), [1, config.heads, time, time]);
}

/**
 * What the decoder adds to the scores of earlier tokens, of which the one at position p is in slot p:
 * `[batch, heads, time, slots]`.
 *
 * @param positions int32 `[batch, time]`
 */
export function slotBias(
  config: EncoderDecoderConfig,
  table: tf.Tensor,
  positions: tf.Tensor,
  slots: number,
): tf.Tensor {
  const [batch, time] = positions.shape as [number, number];
  const farthest = config.relativeMaxDistance;
  const buckets = Int32Array.from({ length: farthest + 1 }, (_, distance) => relativeBucket(config, -distance, false));
  const slot = tf.tensor(
    Int32Array.from({ length: slots }, (_, i) => i),
    [1, 1, slots],
    'int32',
  );
  const distance = tf.sub(tf.reshape(positions, [batch, time, 1]), slot);
  const bounded = tf.minimum(tf.maximum(distance, tf.scalar(0, 'int32')), tf.scalar(farthest, 'int32'));
  const ids = tf.gather(tf.tensor1d(buckets, 'int32'), tf.reshape(bounded, [-1]) as tf.Tensor1D);
  const rows = tf.gather(table, ids as tf.Tensor1D);
  return tf.transpose(tf.reshape(rows, [batch, time, slots, config.heads]), [0, 3, 1, 2]);
}
