import { lazyGreedy, type GreedyPicks } from './lazy-greedy.js';
import { cosine, rowNorms, squaredDistance, type Matrix } from './matrix.js';

/** Similarity of two rows, ≥ 0. */
export type Similarity = (a: number, b: number) => number;

/** (1 + cosine) / 2: 0 … 1. */
export function cosineSimilarity(matrix: Matrix): Similarity {
  const norms = rowNorms(matrix);
  return (a, b) => (1 + cosine(matrix, norms, a, b)) / 2;
}

/** exp(−γ · squared distance). */
export function radialSimilarity(matrix: Matrix, gamma: number): Similarity {
  return (a, b) => Math.exp(-gamma * squaredDistance(matrix, a, b));
}

export interface FacilityLocation extends GreedyPicks {
  /** Σ over the clients of the similarity to the nearest pick. */
  objective: number;
}

/**
 * Facility location by lazy greedy, which reaches 1 − 1/e of the optimum (Nemhauser, Wolsey & Fisher 1978): each pick
 * adds the most to Σ over clients of the largest similarity to a pick. Values are the gains.
 * @param facilities rows that may be picked
 * @param clients rows that want to be near a pick; the memory is facilities · clients · 8 bytes
 */
export function facilityLocation(
  facilities: readonly number[],
  clients: readonly number[],
  similarity: Similarity,
  budget: number,
): FacilityLocation {
  const width = clients.length;
  const table = new Float64Array(facilities.length * width);
  facilities.forEach((facility, place) => {
    for (let client = 0; client < width; client++)
      table[place * width + client] = similarity(facility, clients[client]!);
  });
  const served = new Float64Array(width);
  let counted = 0;
  const gain = (place: number, picks: readonly number[]): number => {
    for (; counted < picks.length; counted++) {
      const start = picks[counted]! * width;
      for (let client = 0; client < width; client++) served[client] = Math.max(served[client]!, table[start + client]!);
    }
    let sum = 0;
    for (let client = 0; client < width; client++) {
      const more = table[place * width + client]! - served[client]!;
      if (more > 0) sum += more;
    }
    return sum;
  };
  const bounds = Float64Array.from(facilities, (_, place) => gain(place, []));
  const { order, values } = lazyGreedy(bounds, budget, gain);
  const objective = values.reduce((sum, value) => sum + value, 0);
  return { order: order.map((place) => facilities[place]!), values, objective };
}
