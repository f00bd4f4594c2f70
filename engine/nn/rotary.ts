import { tf } from '../trace/index.js';
import { rotaryFrequencies, type RotaryConfig } from './rotary-config.js';

export interface RotaryTables {
  /** `[batch · time, 1, headSize]`; the second half of the turning features repeats the first. */
  cosine: tf.Tensor;
  sine: tf.Tensor;
  /** `[headSize, headSize]`: x·R = (−x₂, x₁, 0) for x = (x₁, x₂, the features that do not turn). */
  halfTurn: tf.Tensor2D;
}

/**
 * Rotary position embedding in the half-split form (Su et al. 2021; transformers' Llama): angle of feature pair i at
 * position p is p times the pair's frequency. Features that do not turn have frequency 0.
 *
 * @param positions `[batch, time]` int32
 */
export function rotaryTables(rotary: RotaryConfig, headSize: number, positions: tf.Tensor): RotaryTables {
  const half = rotary.features / 2;
  const turn = new Float32Array(headSize * headSize);
  for (let i = 0; i < half; i++) {
    turn[(half + i) * headSize + i] = -1;
    turn[i * headSize + half + i] = 1;
  }
  /** A value of each pair, for all features. */
  const spread = (pairs: readonly number[], rest: number) =>
    tf.tensor(
      Float32Array.from({ length: headSize }, (_, i) => (i < 2 * half ? pairs[i % half]! : rest)),
      [1, 1, headSize],
    );
  const plain = spread(rotaryFrequencies(rotary), 0);
  const slowing = rotary.scaling.kind === 'dynamic' ? dynamicSlowing(rotary, positions, spread) : null;
  const frequencies = slowing ? tf.mul(plain, slowing) : plain;
  const angles = tf.mul(tf.reshape(tf.cast(positions, 'float32'), [positions.size, 1, 1]), frequencies);
  return { cosine: tf.cos(angles), sine: tf.sin(angles), halfTurn: tf.tensor2d(turn, [headSize, headSize]) };
}

/**
 * Dynamic NTK scaling: past `maxPositions` the base grows with the length n of the longest row, by
 * g = (factor · n / max − factor + 1)^(d / (d − 2)), which slows pair i by g^(−2i / d). Exactly 1 up to there.
 */
function dynamicSlowing(
  { features, scaling }: RotaryConfig,
  positions: tf.Tensor,
  spread: (pairs: readonly number[], rest: number) => tf.Tensor,
): tf.Tensor {
  const { factor, maxPositions } = scaling as Extract<RotaryConfig['scaling'], { kind: 'dynamic' }>;
  const length = tf.add(tf.cast(tf.max(positions), 'float32'), 1);
  const excess = tf.sub(tf.maximum(tf.div(length, maxPositions), 1), 1);
  const growth = tf.add(tf.mul(excess, factor), 1);
  const exponents = Array.from({ length: features / 2 }, (_, i) => (-2 * i) / (features - 2));
  return tf.exp(tf.mul(tf.log(growth), spread(exponents, 0)));
}

/** Rotates heads `[batch · time, heads, headSize]`; exact apart from the two products and the sum. */
export function rotate(heads: tf.Tensor, { cosine, sine, halfTurn }: RotaryTables): tf.Tensor {
  const size = heads.shape[2]!;
  const turned = tf.reshape(tf.matMul(tf.reshape(heads, [-1, size]) as tf.Tensor2D, halfTurn), heads.shape);
  return tf.add(tf.mul(heads, cosine), tf.mul(turned, sine));
}
