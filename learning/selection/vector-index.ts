import { cosine, matrixOf, rowNorms, type Matrix } from './strategies/matrix.js';
import { TokenSetIndex } from './token-sets.js';

/** What diversity is measured with. */
export interface SimilarityIndex {
  /** How alike row `index` and every row are, 0–1. */
  similaritiesTo(index: number): Float64Array;
}

/** The cosine of vectors; negative ones count as 0. */
export class VectorIndex implements SimilarityIndex {
  private readonly norms: Float64Array;

  constructor(private readonly vectors: Matrix) {
    this.norms = rowNorms(vectors);
  }

  similaritiesTo(index: number): Float64Array {
    return Float64Array.from({ length: this.vectors.rows }, (_, other) =>
      other === index ? 1 : Math.min(1, Math.max(0, cosine(this.vectors, this.norms, index, other))),
    );
  }
}

/** The vectors of rows that all have one, else the words and word pairs of their texts. */
export function similarityIndex(rows: readonly { text: string; vector?: readonly number[] }[]): SimilarityIndex {
  const vectors = vectorsOf(rows);
  return vectors === null ? new TokenSetIndex(rows.map((row) => row.text)) : new VectorIndex(vectors);
}

/** The rows' vectors `[rows, dimensions]`; null where one has none. */
export function vectorsOf(rows: readonly { vector?: readonly number[] }[]): Matrix | null {
  const vectors = rows.flatMap(({ vector }) => (vector === undefined ? [] : [vector]));
  return rows.length > 0 && vectors.length === rows.length ? matrixOf(vectors) : null;
}
