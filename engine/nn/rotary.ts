import { tf } from '../trace/index.js';
import { rotaryFrequencies, type RotaryConfig } from './rotary-config.js';

/** Of the angles of each row's feature pairs, `[batch · time, pairs]`; both times the amplitude. */
export interface RotaryTables {
  cosine: tf.Tensor;
  sine: tf.Tensor;
}

/**
 * The tables of {@link rotate}: the angle of feature pair i at position p is p times the pair's frequency.
 *
 * @param positions `[batch, time]` int32
 */
export function rotaryTables(rotary: RotaryConfig, positions: tf.Tensor): RotaryTables {
  const plain = tf.tensor2d([rotaryFrequencies(rotary)]);
  const { amplitude, scaling } = rotary;
  const frequencies =
    scaling.kind === 'dynamic'
      ? tf.mul(plain, dynamicSlowing(rotary, positions))
      : scaling.kind === 'longrope'
        ? tf.mul(plain, longSlowing(scaling, positions))
        : plain;
  const angles = tf.mul(tf.reshape(tf.cast(positions, 'float32'), [positions.size, 1]), frequencies);
  const [cosine, sine] = [tf.cos(angles), tf.sin(angles)];
  return amplitude === 1 ? { cosine, sine } : { cosine: tf.mul(cosine, amplitude), sine: tf.mul(sine, amplitude) };
}

/** LongRoPE: the long factors instead of the short ones, for all rows, where one is longer than the original positions. */
function longSlowing(
  { shortFactors, longFactors, originalMaxPositions }: Extract<RotaryConfig['scaling'], { kind: 'longrope' }>,
  positions: tf.Tensor,
): tf.Tensor {
  const isLong = tf.cast(tf.greaterEqual(tf.max(positions), tf.scalar(originalMaxPositions, 'int32')), 'float32');
  const change = tf.tensor2d([shortFactors.map((factor, i) => factor / longFactors[i]! - 1)]);
  return tf.add(tf.mul(change, isLong), 1);
}

/**
 * Dynamic NTK scaling: past `maxPositions` the base grows with the length n of the longest row, by
 * g = (factor · n / max − factor + 1)^(d / (d − 2)), which slows pair i by g^(−2i / d). Exactly 1 up to there.
 */
function dynamicSlowing({ features, scaling }: RotaryConfig, positions: tf.Tensor): tf.Tensor {
  const { factor, maxPositions } = scaling as Extract<RotaryConfig['scaling'], { kind: 'dynamic' }>;
  const length = tf.add(tf.cast(tf.max(positions), 'float32'), 1);
  const excess = tf.sub(tf.maximum(tf.div(length, maxPositions), 1), 1);
  const growth = tf.add(tf.mul(excess, factor), 1);
  const exponents = Array.from({ length: features / 2 }, (_, i) => (-2 * i) / (features - 2));
  return tf.exp(tf.mul(tf.log(growth), tf.tensor2d([exponents])));
}
