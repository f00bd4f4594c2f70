import { IGNORED, type MicroBatch } from './loss.js';
import { paddedLength } from './padded-length.js';
import { labelsOf, type TokenRow } from './training-rows.js';

/**
 * Rows put one after another into as few sequences as the longest of them is long, so that little is padded. Tokens see
 * only those of their own row, and each row's positions start at 0: loss and gradients are those of padded rows.
 *
 * Longest row first, each into the first sequence that has room (first-fit decreasing, at most 11/9 of the fewest
 * possible: Johnson 1973).
 *
 * @param batch most sequences in one micro-batch
 */
export function packRows(rows: readonly TokenRow[], batch: number, maxPositions: number): MicroBatch[] {
  const longestFirst = rows.toSorted((a, b) => b.tokens.length - a.tokens.length);
  const time = Math.min(paddedLength(longestFirst[0]!.tokens.length), maxPositions);
  const sequences: { rows: TokenRow[]; length: number }[] = [];
  for (const row of longestFirst) {
    let home = sequences.find(({ length }) => length + row.tokens.length <= time);
    if (!home) sequences.push((home = { rows: [], length: 0 }));
    home.rows.push(row);
    home.length += row.tokens.length;
  }
  const batches: MicroBatch[] = [];
  for (let start = 0; start < sequences.length; start += batch)
    batches.push(
      asBatch(
        sequences.slice(start, start + batch).map((sequence) => sequence.rows),
        time,
      ),
    );
  return batches;
}

function asBatch(sequences: readonly TokenRow[][], time: number): MicroBatch {
  const batch = sequences.length;
  const inputIds = new Int32Array(batch * time);
  const attentionMask = new Int32Array(batch * time);
  const labels = new Int32Array(batch * time).fill(IGNORED);
  const segments = new Int32Array(batch * time).fill(-1);
  for (const [index, rows] of sequences.entries()) {
    let start = index * time;
    for (const [segment, row] of rows.entries()) {
      const end = start + row.tokens.length;
      inputIds.set(row.tokens, start);
      attentionMask.fill(1, start, end);
      segments.fill(segment, start, end);
      labels.set(labelsOf(row), start);
      // The token before it is another row's: a first token is never predicted.
      labels[start] = IGNORED;
      start = end;
    }
  }
  return { batch, time, inputIds, attentionMask, labels, segments };
}
