import { dot, rowNorms, squaredDistance, type Matrix } from './matrix.js';

export interface Seeding {
  order: number[];
  /** Σ of squared distances to the nearest pick, after each pick. */
  potentials: number[];
}

/**
 * k-means++ seeding (Arthur & Vassilvitskii 2007): the first pick is row ⌊draw · rows⌋, each further one row i with
 * probability d²(i) / Σ d², found as the first whose running sum exceeds draw · Σ. Stops when all rows are picked or
 * coincide with a pick.
 * @param draw uniform in [0, 1), one call a pick
 */
export function kMeansPlusPlus(
  rows: number,
  distance: (a: number, b: number) => number,
  budget: number,
  draw: () => number,
): Seeding {
  const nearest = new Float64Array(rows).fill(Infinity);
  const seeding: Seeding = { order: [], potentials: [] };
  let potential = Infinity;
  while (seeding.order.length < Math.min(budget, rows) && potential > 0) {
    const pick = potential === Infinity ? Math.floor(draw() * rows) : drawRow(nearest, draw() * potential);
    seeding.order.push(pick);
    potential = 0;
    for (let row = 0; row < rows; row++) {
      nearest[row] = Math.min(nearest[row]!, distance(row, pick));
      potential += nearest[row]!;
    }
    seeding.potentials.push(potential);
  }
  return seeding;
}

function drawRow(masses: Float64Array, target: number): number {
  let sum = 0;
  let last = 0;
  for (let row = 0; row < masses.length; row++) {
    if (masses[row] === 0) continue;
    sum += masses[row]!;
    last = row;
    if (sum > target) return row;
  }
  return last;
}

/** Squared Euclidean distance of embeddings. */
export function embeddingDistance(embeddings: Matrix): (a: number, b: number) => number {
  return (a, b) => squaredDistance(embeddings, a, b);
}

/** Factors of BADGE's gradient embeddings: the row of a candidate is `residuals` ⊗ `embeddings`, `norms` its length. */
export interface GradientEmbedding {
  /** p − onehot(first maximum of p), `[rows, classes]`. */
  residuals: Matrix;
  embeddings: Matrix;
  norms: Float64Array;
}

/**
 * BADGE's gradient embeddings (Ash et al. 2020): gradient of the cross-entropy of the predicted label with respect to
 * the last layer. The outer products `[rows, classes · dimensions]` are never built.
 */
export function gradientEmbedding(probabilities: Matrix, embeddings: Matrix): GradientEmbedding {
  const { rows, columns } = probabilities;
  const data = Float64Array.from(probabilities.data);
  for (let row = 0; row < rows; row++) {
    let best = row * columns;
    for (let at = best + 1; at < (row + 1) * columns; at++) if (data[at]! > data[best]!) best = at;
    data[best]! -= 1;
  }
  const residuals = { data, rows, columns };
  const lengths = rowNorms(embeddings);
  return { residuals, embeddings, norms: rowNorms(residuals).map((norm, row) => norm * lengths[row]!) };
}

/** Squared distance of two gradient embeddings: |r|²|e|² + |r′|²|e′|² − 2 (r·r′)(e·e′). */
export function gradientDistance({ residuals, embeddings }: GradientEmbedding): (a: number, b: number) => number {
  const product = (a: number, b: number) => dot(residuals, a, residuals, b) * dot(embeddings, a, embeddings, b);
  const squares = Float64Array.from({ length: residuals.rows }, (_, row) => product(row, row));
  return (a, b) => Math.max(0, squares[a]! + squares[b]! - 2 * product(a, b));
}
