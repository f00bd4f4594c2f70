import { describe, expect, it } from 'vitest';
import { ActiveLearner, type SelectionCandidate } from '../../../../learning/selection/active-learner.js';
import { chooseExamples } from '../../../../learning/selection/choose-examples.js';
import { similarityIndex, VectorIndex, vectorsOf } from '../../../../learning/selection/vector-index.js';
import { matrixOf } from '../../../../learning/selection/strategies/matrix.js';
import { TokenSetIndex } from '../../../../learning/selection/token-sets.js';

const candidate = (eventId: string, vector?: number[]): SelectionCandidate => ({
  eventId,
  artifactType: 'erd',
  text: `its very own words ${eventId}`,
  uncertainty: 0.5,
  quality: 1,
  ...(vector && { vector }),
});

describe('VectorIndex', () => {
  it('R6: is the cosine, with what points away counted as not alike', () => {
    const index = new VectorIndex(
      matrixOf([
        [1, 0],
        [3, 4],
        [-1, 0],
        [0, 0],
      ]),
    );
    expect([...index.similaritiesTo(0)]).toEqual([1, 0.6, 0, 0]);
    expect([...index.similaritiesTo(3)]).toEqual([0, 0, 0, 1]);
  });

  it('R6: words take its place where a row has no vector', () => {
    expect(similarityIndex([candidate('a', [1]), candidate('b', [1])])).toBeInstanceOf(VectorIndex);
    expect(similarityIndex([candidate('a', [1]), candidate('b')])).toBeInstanceOf(TokenSetIndex);
    expect(vectorsOf([])).toBeNull();
  });
});

it('R6: with embeddings, requests that mean the same are near-duplicates whatever their words', () => {
  const pool = [candidate('a', [1, 0]), candidate('b', [1, 0.01]), candidate('c', [0, 1])];
  const budget = { budget: 2, quotas: 'none' as const };
  const ids = new ActiveLearner().selectInformativeExamples(pool, budget).selected.map((row) => row.eventId);
  expect(ids).toEqual(['a', 'c']);
  const weights = { uncertainty: 0.4, diversity: 0.3, quality: 0.3 };
  const spread = chooseExamples(pool, { strategy: 'k-center', budget: 2, seed: 1, weights });
  expect(spread.selected.map((row) => row.eventId)).toContain('c');
});
