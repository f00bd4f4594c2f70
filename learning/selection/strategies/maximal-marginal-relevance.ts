import { lazyGreedy, type GreedyPicks } from './lazy-greedy.js';
import { cosine, rowNorms, type Matrix } from './matrix.js';

/**
 * Maximal marginal relevance (Carbonell & Goldstein 1998): each pick has the largest λ · relevance − (1 − λ) · (largest
 * cosine to the chosen ones; 0 for the first pick), equal values by the lowest row.
 * @param relevance one a row
 * @param lambda 0 (diversity alone) … 1 (relevance alone)
 */
export function maximalMarginalRelevance(
  matrix: Matrix,
  relevance: ArrayLike<number>,
  budget: number,
  lambda: number,
): GreedyPicks {
  if (budget < 1 || matrix.rows === 0) return { order: [], values: [] };
  const norms = rowNorms(matrix);
  const closest = new Float64Array(matrix.rows).fill(-Infinity);
  let first = 0;
  for (let row = 1; row < matrix.rows; row++) if (lambda * relevance[row]! > lambda * relevance[first]!) first = row;
  const refresh = (row: number, picks: readonly number[], counted: number): number => {
    for (let pick = counted; pick < picks.length; pick++) {
      const similarity = cosine(matrix, norms, row, picks[pick]!);
      if (similarity > closest[row]!) closest[row] = similarity;
    }
    return lambda * relevance[row]! - (1 - lambda) * closest[row]!;
  };
  // The values shrink from the second pick on: the first cosine may be negative and raise them.
  const bounds = Float64Array.from({ length: matrix.rows }, (_, row) => refresh(row, [first], 0));
  const rest = lazyGreedy(bounds, budget - 1, refresh, [first]);
  return { order: [first, ...rest.order], values: [lambda * relevance[first]!, ...rest.values] };
}
