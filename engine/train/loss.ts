/** Label of a position that is not scored. */
export const IGNORED = -100;

/** One batch of token rows, padded on the right (or anywhere, as the mask says), row-major `[batch, time]`. */
export interface MicroBatch {
  batch: number;
  time: number;
  inputIds: ArrayLike<number>;
  /** 1 where a token is, 0 where padding. */
  attentionMask: ArrayLike<number>;
  /**
   * {@link IGNORED} where not scored. Causal: token ids `[batch, time]`, not shifted: the label at t is predicted from
   * position t − 1. Sequence to sequence: the target `[batch, target time]`. Classification: a class `[batch]`.
   */
  labels: ArrayLike<number>;
  /** Preferences: the reference model's log-probability of each sequence, `[batch]`. */
  references?: ArrayLike<number>;
  /**
   * Packed rows: which of its sequence's rows a token belongs to, 0, 1, 2 …; −1 where padded. A token sees only its own
   * row, whose positions start at 0.
   */
  segments?: ArrayLike<number>;
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

/**
 * Finds what a batch trains on: only these rows go through the language-model head.
 *
 * @param shift how far before its label a position predicts it: 1 for a causal model, 0 where the labels are shifted
 */
export function superviseRows({ batch, time, labels }: MicroBatch, shift: 0 | 1 = 1): Supervision {
  const found: number[] = [];
  for (let row = 0; row < batch; row++)
    for (let t = shift; t < time; t++) if (labels[row * time + t]! >= 0) found.push(row * time + t - shift);
  const size = bucketedRows(found.length, batch * time);
  const rows = new Int32Array(size);
  const targets = new Int32Array(size).fill(IGNORED);
  found.forEach((position, i) => {
    rows[i] = position;
    targets[i] = labels[position + shift]!;
  });
  return { rows, targets, tokens: found.length };
}
