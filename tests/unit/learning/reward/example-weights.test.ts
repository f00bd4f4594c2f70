import { expect, it } from 'vitest';
import { exampleWeights } from '../../../../learning/reward/example-weights.js';
import { example } from '../events.js';

const SETTINGS = { timeDecayRate: 0.95, difficultyWeight: 1.5, balanceThreshold: 100 };
const at = (id: string, ts: string, change = {}) => example({ id, ts, difficulty: 0, reward: -1, ...change });

it('R1: an example weighs what its feedback counts today: decay by the day, more if hard, less if common', () => {
  const [newest, older, hard] = [
    at('newest', '2026-01-31T00:00:00Z'),
    at('older', '2026-01-21T00:00:00Z'),
    at('hard', '2026-01-31T00:00:00Z', { difficulty: 1 }),
  ];
  const weightOf = exampleWeights([newest, older, hard], SETTINGS);
  expect(weightOf(newest)).toBe(1);
  expect(weightOf(older)).toBeCloseTo(0.95 ** 10, 12);
  expect(weightOf(hard)).toBe(1.5);
  const many = Array.from({ length: 400 }, (_, place) => at(`${place}`, '2026-01-31T00:00:00Z'));
  const variants = many.map((row) => ({ ...row, id: `${row.id}~a`, parentId: row.id }));
  expect(exampleWeights([...many, ...variants], SETTINGS)(variants[0]!)).toBeCloseTo(0.5, 12);
});

it('examples of earlier rounds go on ageing; those without a time are new, and none weighs nothing', () => {
  const row = at('row', '2026-01-01T00:00:00Z');
  const later = at('later', '2026-01-05T00:00:00Z');
  expect(exampleWeights([row], SETTINGS)(row)).toBe(1);
  expect(exampleWeights([row, later], SETTINGS)(row)).toBeCloseTo(0.95 ** 4, 12);
  const untimed = example({ difficulty: 0 });
  expect(exampleWeights([untimed], SETTINGS)(untimed)).toBe(1);
  expect(exampleWeights([row, untimed], SETTINGS)(untimed)).toBe(1);
  const ancient = at('ancient', '1970-01-01T00:00:00Z');
  expect(exampleWeights([ancient, later], SETTINGS)(ancient)).toBeGreaterThan(0);
});
