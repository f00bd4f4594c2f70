/**
 * Logits of this many elements (64 MB) and more are computed in chunks of about half of it: smaller ones hold less, but
 * onnxruntime packs the whole head anew for each chunk.
 */
const WHOLE_LOGITS = 1 << 24;
const CHUNK_LOGITS = 1 << 23;
const LEAST_ROWS = 16;

/**
 * Rows of a chunk of the head; null where the logits are small enough to exist whole.
 *
 * @param learned the head's inputs where it is trained: its gradient has a row of the vocabulary for each of them, and
 *   every chunk adds to all of it, so that chunks with fewer rows cost much and save little
 */
export function chunkRows(rows: number, vocabulary: number, learned = 0): number | null {
  if (rows * vocabulary < WHOLE_LOGITS) return null;
  const chunks = Math.ceil((rows * vocabulary) / Math.max(CHUNK_LOGITS, learned * vocabulary));
  return chunks === 1 ? null : Math.max(LEAST_ROWS, Math.ceil(rows / chunks));
}
