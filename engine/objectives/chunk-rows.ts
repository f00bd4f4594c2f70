/**
 * Logits of this many elements (64 MB) and more are computed in chunks of about half of it: smaller ones hold less, but
 * onnxruntime packs the whole head anew for each chunk.
 */
const WHOLE_LOGITS = 1 << 24;
const CHUNK_LOGITS = 1 << 23;
const LEAST_ROWS = 16;

/** Rows of a chunk of the head; null where the logits are small enough to exist whole. */
export function chunkRows(rows: number, vocabulary: number): number | null {
  if (rows * vocabulary < WHOLE_LOGITS) return null;
  const chunks = Math.ceil((rows * vocabulary) / CHUNK_LOGITS);
  return Math.max(LEAST_ROWS, Math.ceil(rows / chunks));
}
