import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../config/random.js';
import { takeRows, type Matrix } from '../../learning/selection/strategies/matrix.js';
import { selectCandidates, type CandidatePool } from '../../learning/selection/strategies/select-candidates.js';
import { STRATEGIES, type StrategyName } from '../../learning/selection/strategies/strategies.js';

interface FullPool {
  ids: string[];
  embeddings: Matrix;
  probabilities: Matrix;
  members: Matrix[];
}

/** A pool in which every third candidate is a copy of the one before it. */
function poolOf(rows: number, seed: number): FullPool {
  const random = stream(seed, 'contract', 'selection');
  const matrix = (columns: number, draw: () => number): Matrix => {
    const data = Float64Array.from({ length: rows * columns }, draw);
    for (let row = 2; row < rows; row += 3) data.copyWithin(row * columns, (row - 1) * columns, row * columns);
    return { data, rows, columns };
  };
  const distributions = (): Matrix => {
    const raw = matrix(3, () => random.float() + 0.01);
    const data = raw.data.map((value, at) => {
      const start = at - (at % 3);
      return value / (raw.data[start]! + raw.data[start + 1]! + raw.data[start + 2]!);
    });
    return { ...raw, data };
  };
  return {
    ids: Array.from({ length: rows }, (_, row) => `id-${String(row * 7919).padStart(6, '0')}`),
    embeddings: matrix(5, () => random.normal()),
    probabilities: distributions(),
    members: [distributions(), distributions()],
  };
}

function reordered(pool: FullPool, order: number[]): CandidatePool {
  return {
    ids: order.map((row) => pool.ids[row]!),
    embeddings: takeRows(pool.embeddings, order),
    probabilities: takeRows(pool.probabilities, order),
    members: pool.members.map((member) => takeRows(member, order)),
  };
}

const names = Object.keys(STRATEGIES) as StrategyName[];

describe.each(names)('selection strategy %s', (name) => {
  it('R6: keeps the budget with different candidates', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 45 }),
        fc.nat(99),
        (rows, budget, seed) => {
          const pool = poolOf(rows, seed);
          const picked = selectCandidates(name, pool, { budget, seed });
          expect(picked).toHaveLength(Math.min(rows, budget));
          expect(new Set(picked).size).toBe(picked.length);
          expect(picked.every((id) => pool.ids.includes(id))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('R6: does not depend on the order of the candidates', () => {
    fc.assert(
      fc.property(fc.nat(99), fc.nat(99), (seed, shuffleSeed) => {
        const pool = poolOf(30, seed);
        const order = stream(shuffleSeed, 'order').shuffle(pool.ids.map((_, row) => row));
        expect(selectCandidates(name, reordered(pool, order), { budget: 12, seed })).toEqual(
          selectCandidates(name, pool, { budget: 12, seed }),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('gives the same for the same seed, and leaves the pool as it is', () => {
    const pool = poolOf(60, 1);
    const before = structuredClone(pool);
    const first = selectCandidates(name, pool, { budget: 20, seed: 4 });
    expect(selectCandidates(name, pool, { budget: 20, seed: 4 })).toEqual(first);
    expect(pool).toEqual(before);
  });

  it('asks for exactly the matrices it needs', () => {
    const pool = poolOf(10, 2);
    const needs: readonly string[] = STRATEGIES[name].needs;
    const given: CandidatePool = { ids: pool.ids };
    for (const key of ['embeddings', 'probabilities'] as const) if (needs.includes(key)) given[key] = pool[key];
    if (needs.includes('members')) given.members = pool.members;
    expect(selectCandidates(name, given, { budget: 3, seed: 1 })).toHaveLength(3);
  });
});

it.each(names.filter((name) => STRATEGIES[name].needs.length > 0))('%s names the matrix that is missing', (name) => {
  const { ids } = poolOf(10, 2);
  expect(() => selectCandidates(name, { ids }, { budget: 3, seed: 1 })).toThrow(
    `${name} needs ${STRATEGIES[name].needs[0]}`,
  );
});
