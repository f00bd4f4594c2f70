import { lazyGreedy } from './lazy-greedy.js';
import { cosine, rowNorms, squaredDistance, type Matrix } from './matrix.js';

export type Metric = 'euclidean' | 'cosine';

export interface KCenter {
  /** The start rows, then the picks. */
  order: number[];
  /** Distance of each pick (not of the start) to the nearest row chosen before. */
  distances: number[];
  /** Largest distance of a row to the nearest chosen one at the end; 0 when all are chosen. */
  radius: number;
}

/**
 * Greedy k-center, the farthest-first traversal (Gonzalez 1985; core-set selection of Sener & Savarese 2018): each pick
 * is the row farthest from the nearest chosen one, equal distances by the lowest row. Worst case O(rows · budget); the
 * lazy evaluation skips most of it.
 * @param start rows chosen before (the labelled pool), at least one
 * @param budget how many rows `order` gets, the start included
 */
export function kCenter(
  matrix: Matrix,
  start: readonly number[],
  budget: number,
  metric: Metric = 'euclidean',
): KCenter {
  const norms = metric === 'cosine' ? rowNorms(matrix) : new Float64Array(0);
  const measure =
    metric === 'cosine'
      ? (a: number, b: number) => 1 - cosine(matrix, norms, a, b)
      : (a: number, b: number) => squaredDistance(matrix, a, b);
  const nearest = new Float64Array(matrix.rows).fill(Infinity);
  const refresh = (row: number, picks: readonly number[], counted: number): number => {
    let smallest = nearest[row]!;
    for (let pick = counted; pick < picks.length; pick++) {
      const distance = measure(row, picks[pick]!);
      if (distance < smallest) smallest = distance;
    }
    return smallest;
  };
  for (let row = 0; row < matrix.rows; row++) nearest[row] = refresh(row, start, 0);
  // One pick more than asked for: its distance is the radius that is left.
  const { order, values } = lazyGreedy(nearest, Math.max(0, budget - start.length) + 1, refresh, start);
  const distances = metric === 'cosine' ? values : values.map(Math.sqrt);
  const count = Math.max(0, budget - start.length);
  return {
    order: [...start, ...order.slice(0, count)],
    distances: distances.slice(0, count),
    radius: distances[count] ?? 0,
  };
}

/** The row nearest to the mean of all: where a traversal starts when nothing is labelled yet. */
export function centralRow(matrix: Matrix): number {
  const { data, rows, columns } = matrix;
  const centre = new Float64Array(columns);
  for (let at = 0; at < rows * columns; at++) centre[at % columns]! += data[at]! / rows;
  let [best, smallest] = [0, Infinity];
  for (let row = 0; row < rows; row++) {
    let distance = 0;
    for (let column = 0; column < columns; column++) distance += (data[row * columns + column]! - centre[column]!) ** 2;
    if (distance < smallest) [best, smallest] = [row, distance];
  }
  return best;
}
