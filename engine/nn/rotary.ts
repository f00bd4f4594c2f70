import { tf } from '../trace/index.js';
import type { ModelConfig } from './config.js';

export interface RotaryTables {
  /** `[batch · time, 1, headSize]`; the second half repeats the first. */
  cosine: tf.Tensor;
  sine: tf.Tensor;
  /** `[headSize, headSize]`: x·R = (−x₂, x₁) for x = (x₁, x₂). */
  halfTurn: tf.Tensor2D;
}

/**
 * Rotary position embedding in the half-split form (Su et al. 2021; transformers' Llama): angle of feature pair i at
 * position p is p · theta^(−2i / headSize).
 *
 * @param positions `[batch, time]` int32
 */
export function rotaryTables(config: ModelConfig, positions: tf.Tensor): RotaryTables {
  const size = config.headSize;
  const half = size / 2;
  const theta = config.ropeTheta ?? 10000;
  const frequencies = Float32Array.from({ length: size }, (_, i) => 1 / theta ** ((2 * (i % half)) / size));
  const turn = new Float32Array(size * size);
  for (let i = 0; i < half; i++) {
    turn[(half + i) * size + i] = -1;
    turn[i * size + half + i] = 1;
  }
  const column = tf.reshape(tf.cast(positions, 'float32'), [positions.size, 1, 1]);
  const angles = tf.mul(column, tf.tensor(frequencies, [1, 1, size]));
  return { cosine: tf.cos(angles), sine: tf.sin(angles), halfTurn: tf.tensor2d(turn, [size, size]) };
}

/** Rotates heads `[batch · time, heads, headSize]`; exact apart from the two products and the sum. */
export function rotate(heads: tf.Tensor, { cosine, sine, halfTurn }: RotaryTables): tf.Tensor {
  const size = heads.shape[2]!;
  const turned = tf.reshape(tf.matMul(tf.reshape(heads, [-1, size]) as tf.Tensor2D, halfTurn), heads.shape);
  return tf.add(tf.mul(heads, cosine), tf.mul(turned, sine));
}
