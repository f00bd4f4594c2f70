import { expect, it } from 'vitest';
import { SELECTION_STRATEGIES } from '../../../../config/loop.js';
import { stream } from '../../../../config/random.js';
import type { SelectionCandidate } from '../../../../learning/selection/active-learner.js';
import { chooseExamples, type ChoiceOptions } from '../../../../learning/selection/choose-examples.js';
import { needsEnsemble } from '../../../../learning/selection/ensemble-strategies.js';
import { STRATEGIES } from '../../../../learning/selection/strategies/strategies.js';

const candidate = (eventId: string, votes?: string[]): SelectionCandidate => ({
  eventId,
  artifactType: 'erd',
  text: `request ${eventId}`,
  uncertainty: 0.5,
  quality: 1,
  ...(votes && { votes }),
});
const options = (strategy: ChoiceOptions['strategy'], budget: number): ChoiceOptions => ({
  strategy,
  budget,
  seed: 1,
  weights: { uncertainty: 0.4, diversity: 0.3, quality: 0.3 },
});
const chosen = (pool: SelectionCandidate[], strategy: ChoiceOptions['strategy'], budget: number) =>
  chooseExamples(pool, options(strategy, budget)).selected.map((row) => row.eventId);

it('R6: the strategies of an ensemble take what its models answer differently first', () => {
  const pool = [
    candidate('a', ['x', 'x', 'x', 'x']),
    candidate('b', ['x', 'y', 'y', 'y']),
    candidate('c', ['x', 'y', 'x', 'y']),
    candidate('d', ['x', 'y', 'z', 'w']),
  ];
  for (const strategy of ['vote-entropy', 'consensus-divergence'] as const) {
    expect(chosen(pool, strategy, 3)).toEqual(['d', 'c', 'b']);
    expect(chosen(stream(2, 'shuffle').shuffle(pool), strategy, 3)).toEqual(['d', 'c', 'b']);
  }
});

it('R6: without an ensemble, or with one model of it, the active learner chooses in its place', () => {
  const texts = ['a', 'b', 'c', 'd'];
  const expected = chosen(
    texts.map((id) => candidate(id)),
    'active-learner',
    2,
  );
  expect(
    chosen(
      texts.map((id) => candidate(id)),
      'vote-entropy',
      2,
    ),
  ).toEqual(expected);
  expect(
    chosen(
      texts.map((id) => candidate(id, ['x'])),
      'vote-entropy',
      2,
    ),
  ).toEqual(expected);
});

it('R6: an ensemble is asked for by the strategies that look at its disagreement, and by no other', () => {
  const needing = Object.entries(STRATEGIES).filter(([, { needs }]) =>
    (needs as readonly string[]).includes('members'),
  );
  expect(SELECTION_STRATEGIES.filter(needsEnsemble)).toEqual(needing.map(([name]) => name));
});
