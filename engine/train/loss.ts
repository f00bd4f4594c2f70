import { logits } from '../nn/model.js';
import type { ModelConfig } from '../nn/config.js';
import { crossEntropySum, tf } from '../trace/index.js';

/** Label of a position that is not scored. */
export const IGNORED = -100;

/** One batch of token rows, padded on the right (or anywhere, as the mask says), row-major `[batch, time]`. */
export interface MicroBatch {
  batch: number;
  time: number;
  inputIds: ArrayLike<number>;
  /** 1 where a token is, 0 where padding. */
  attentionMask: ArrayLike<number>;
  /** Token ids, {@link IGNORED} where not scored; not shifted: the label at t is predicted from position t − 1. */
  labels: ArrayLike<number>;
}

/** The positions that predict a scored label, and those labels, padded to a bucketed length. */
export interface Supervision {
  /** Indices into the flattened `[batch · time]` positions; 0 where padded. */
  rows: Int32Array;
  /** The label each row predicts; {@link IGNORED} where padded. */
  targets: Int32Array;
  /** Scored labels. */
  tokens: number;
}

/** Size of the vocabulary projection: the scored rows rounded up to a quarter of all rows, so that few shapes occur. */
function bucketedRows(scored: number, positions: number): number {
  const unit = Math.max(16, Math.ceil(positions / 4));
  return Math.min(positions, Math.max(1, Math.ceil(scored / unit)) * unit);
}

/** Finds what a batch trains on: only these rows go through the language-model head. */
export function superviseRows({ batch, time, labels }: MicroBatch): Supervision {
  const found: number[] = [];
  for (let row = 0; row < batch; row++)
    for (let t = 1; t < time; t++) if (labels[row * time + t]! >= 0) found.push(row * time + t - 1);
  const size = bucketedRows(found.length, batch * time);
  const rows = new Int32Array(size);
  const targets = new Int32Array(size).fill(IGNORED);
  found.forEach((position, i) => {
    rows[i] = position;
    targets[i] = labels[position + 1]!;
  });
  return { rows, targets, tokens: found.length };
}

/**
 * Sum of the token losses (natural log) of a causal language model.
 *
 * @param hidden `[batch, time, hidden]`
 * @param rows int32 `[scored]`, see {@link Supervision}
 * @param targets int32 `[scored]`
 */
export function causalLossSum(
  config: ModelConfig,
  params: Record<string, tf.Tensor>,
  hidden: tf.Tensor,
  rows: tf.Tensor,
  targets: tf.Tensor,
): tf.Tensor {
  const flat = tf.reshape(hidden, [-1, config.hiddenSize]);
  return crossEntropySum(logits(config, params, tf.gather(flat, rows as tf.Tensor1D)), targets);
}
