import { textFeatures } from '../selection/text-features.js';

/** Number of different word pairs in the texts: distinct-2 (Li et al. 2016) as a count, so that copies add nothing. */
export function distinctBigrams(texts: readonly string[]): number {
  const pairs = new Set<string>();
  for (const text of texts) {
    const words = text.split(/\s+/).filter((word) => word !== '');
    words.slice(1).forEach((word, place) => pairs.add(`${words[place]} ${word}`));
  }
  return pairs.size;
}

/**
 * The Vendi score (Friedman & Dieng 2023): exp of the entropy of the eigenvalues of K / n, K the cosines of the texts'
 * hashed features; 1 for copies of one text, n for texts that share nothing (up to the 128 columns of the features).
 */
export function vendiScore(texts: readonly string[]): number {
  const { data, rows, columns } = textFeatures(texts);
  // XᵀX has the non-zero eigenvalues of XXᵀ and is no larger than the features.
  const gram = Array.from({ length: columns }, () => new Float64Array(columns));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      const value = data[row * columns + i]!;
      if (value === 0) continue;
      for (let j = 0; j < columns; j++) gram[i]![j]! += (value * data[row * columns + j]!) / rows;
    }
  }
  const entropy = symmetricEigenvalues(gram)
    .filter((value) => value > 1e-12)
    .reduce((sum, value) => sum - value * Math.log(value), 0);
  return Math.exp(entropy);
}

/** Eigenvalues of a symmetric matrix, which is overwritten: cyclic Jacobi rotations until the off-diagonal part is gone. */
export function symmetricEigenvalues(matrix: Float64Array[]): number[] {
  const n = matrix.length;
  for (let sweep = 0; sweep < 50; sweep++) {
    let offDiagonal = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) offDiagonal += matrix[p]![q]! ** 2;
    if (offDiagonal < 1e-20) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(matrix, p, q);
  }
  return matrix.map((row, place) => row[place]!);
}

/** Makes element (p, q) zero. */
function rotate(matrix: Float64Array[], p: number, q: number): void {
  const element = matrix[p]![q]!;
  if (element === 0) return;
  const theta = (matrix[q]![q]! - matrix[p]![p]!) / (2 * element);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (const row of matrix) {
    const [a, b] = [row[p]!, row[q]!];
    row[p] = c * a - s * b;
    row[q] = s * a + c * b;
  }
  const [rowP, rowQ] = [matrix[p]!, matrix[q]!];
  for (let column = 0; column < matrix.length; column++) {
    const [a, b] = [rowP[column]!, rowQ[column]!];
    rowP[column] = c * a - s * b;
    rowQ[column] = s * a + c * b;
  }
}
