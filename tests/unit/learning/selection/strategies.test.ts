import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import { densities } from '../../../../learning/selection/strategies/density.js';
import { consensusDivergence, voteEntropy } from '../../../../learning/selection/strategies/disagreement.js';
import { kCenter } from '../../../../learning/selection/strategies/k-center.js';
import { embeddingDistance, kMeansPlusPlus } from '../../../../learning/selection/strategies/k-means-plus-plus.js';
import { lazyGreedy } from '../../../../learning/selection/strategies/lazy-greedy.js';
import { matrixOf, squaredDistance, takeRows } from '../../../../learning/selection/strategies/matrix.js';
import { maximalMarginalRelevance } from '../../../../learning/selection/strategies/maximal-marginal-relevance.js';
import { selectCandidates } from '../../../../learning/selection/strategies/select-candidates.js';
import { sample } from '../../../../learning/selection/strategies/strategies.js';
import { topRows } from '../../../../learning/selection/strategies/uncertainty-scores.js';

const points = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })), {
  minLength: 1,
  maxLength: 25,
});

describe('greedy selection', () => {
  it('lazy k-center makes the picks of plain farthest-first, ties by the lowest row', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 12 }), (rows, budget) => {
        const matrix = matrixOf(rows);
        const order = [0];
        while (order.length < Math.min(budget, rows.length)) {
          const open = rows.map((_, row) => row).filter((row) => !order.includes(row));
          const gap = (row: number) => Math.min(...order.map((pick) => squaredDistance(matrix, row, pick)));
          order.push(open.reduce((best, row) => (gap(row) > gap(best) ? row : best)));
        }
        expect(kCenter(matrix, [0], budget).order).toEqual(order);
      }),
    );
  });

  it('no row is farther from a k-center pick than its radius', () => {
    fc.assert(
      fc.property(points, (rows) => {
        const matrix = matrixOf(rows);
        const { order, radius } = kCenter(matrix, [0], 4);
        const gaps = rows.map((_, row) => Math.min(...order.map((pick) => squaredDistance(matrix, row, pick))));
        expect(Math.max(...gaps)).toBeCloseTo(radius ** 2, 9);
      }),
    );
  });

  it('MMR with λ = 1 is the order of relevance; a duplicate waits when λ is small', () => {
    const matrix = matrixOf([
      [1, 0],
      [1, 0],
      [0, 1],
    ]);
    expect(maximalMarginalRelevance(matrix, [0.9, 0.8, 0.1], 3, 1).order).toEqual([0, 1, 2]);
    expect(maximalMarginalRelevance(matrix, [0.9, 0.8, 0.1], 3, 0.3).order).toEqual([0, 2, 1]);
    expect(maximalMarginalRelevance(matrix, [0.9, 0.8, 0.1], 0, 0.3).order).toEqual([]);
  });

  it('MMR with λ = 0 starts at the lowest row: relevance decides nothing, not even the first pick', () => {
    const matrix = matrixOf([
      [1, 0],
      [0.8, 0.6],
      [0, 1],
    ]);
    // Worked out by hand from the definition: 0 for each row at first, then minus the largest cosine to the picks.
    const { order, values } = maximalMarginalRelevance(matrix, [0.1, 0.9, 0.5], 3, 0);
    expect(order).toEqual([0, 2, 1]);
    expect(values).toEqual([0, 0, -0.8]);
  });

  it('looks again only at rows whose bound leads', () => {
    const looked: number[] = [];
    const bounds = Float64Array.from([5, 9, 1, 7]);
    const { order } = lazyGreedy(bounds, 2, (row) => {
      looked.push(row);
      return bounds[row]!;
    });
    expect(order).toEqual([1, 3]);
    expect(looked).toEqual([3]);
  });

  it('k-means++ stops when every row coincides with a pick', () => {
    const matrix = matrixOf([[1], [1], [4]]);
    const { order, potentials } = kMeansPlusPlus(3, embeddingDistance(matrix), 3, () => 0);
    expect(order).toEqual([0, 2]);
    expect(potentials).toEqual([9, 0]);
  });
});

describe('scores', () => {
  it('topRows sorts as a stable sort does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 6 })), fc.nat(20), (scores, budget) => {
        const expected = scores.map((_, row) => row).sort((a, b) => scores[b]! - scores[a]!);
        expect(topRows(Float64Array.from(scores), budget)).toEqual(expected.slice(0, budget));
      }),
    );
  });

  it('members that agree disagree by 0; opposite votes by ln 2', () => {
    const sure = matrixOf([[1, 0]]);
    const other = matrixOf([[0, 1]]);
    const torn = matrixOf([[0.5, 0.5]]);
    expect([...voteEntropy([sure, sure])]).toEqual([0]);
    expect(voteEntropy([sure, other])[0]).toBeCloseTo(Math.LN2, 15);
    expect([...consensusDivergence([torn, torn])]).toEqual([0]);
    expect(consensusDivergence([sure, other])[0]).toBeCloseTo(Math.LN2, 15);
    expect(() => voteEntropy([])).toThrow(/at least one member/);
    expect(() => consensusDivergence([sure, matrixOf([[1, 0, 0]])])).toThrow(/one shape/);
  });

  it('density is the mean similarity to all rows', () => {
    const [first, second, zero] = densities(
      matrixOf([
        [2, 0],
        [0, 3],
        [0, 0],
      ]),
    );
    expect(first).toBeCloseTo((1 + 1 / 3) / 2, 12);
    expect(second).toBeCloseTo(first!, 12);
    expect(zero).toBe(0.5);
  });

  it('sample draws every row equally often', () => {
    const random = stream(2, 'sample');
    const counts = [0, 0, 0, 0, 0];
    for (let draw = 0; draw < 5000; draw++) for (const row of sample(5, 2, random)) counts[row]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(150);
  });
});

describe('a pool larger than a strategy can pass over', () => {
  it('is cut down to a seeded sample that covers all of it, in any order', () => {
    const rows = 60_000;
    const order = stream(1, 'order').shuffle(Array.from({ length: rows }, (_, row) => row));
    const poolIn = (positions: readonly number[]) => ({
      ids: positions.map((row) => `c${String(row).padStart(6, '0')}`),
      embeddings: { data: Float32Array.from(positions), rows, columns: 1 },
    });
    const options = { budget: 40, seed: 3 };
    const picked = selectCandidates('k-means-plus-plus', poolIn(order), options);
    expect(picked).toEqual(selectCandidates('k-means-plus-plus', poolIn(order.toSorted((a, b) => a - b)), options));
    const positions = picked.map((id) => Number(id.slice(1)));
    expect(Math.min(...positions)).toBeLessThan(6000);
    expect(Math.max(...positions)).toBeGreaterThan(54_000);
  });
});

describe('faults are named', () => {
  it('rows of different length, missing matrices, repeated ids, too few rows', () => {
    const embeddings = matrixOf([[1], [2]]);
    expect(() => matrixOf([[1], [1, 2]])).toThrow(/row 1 has 2 numbers/);
    const options = { budget: 1, seed: 1 };
    expect(() => selectCandidates('badge', { ids: ['a', 'b'], embeddings }, options)).toThrow(/badge needs prob/);
    expect(() => selectCandidates('k-center', { ids: ['b', 'b'], embeddings }, options)).toThrow(
      /b is a candidate twice/,
    );
    expect(() => selectCandidates('k-center', { ids: ['a'], embeddings }, options)).toThrow(/2 rows for 1 candidates/);
  });

  it('takeRows keeps the precision', () => {
    const matrix = { data: Float32Array.from([1, 2, 3, 4]), rows: 2, columns: 2 };
    expect(takeRows(matrix, [1]).data).toEqual(Float32Array.from([3, 4]));
  });
});
