import { expect, it } from 'vitest';
import { computeRows } from '../../../apps/cli/commands/lr.js';
import { learningRateRows } from '../../../apps/cli/render/learning-rate.js';
import { createStyle } from '../../../apps/cli/render/style.js';

const options = { steps: 2000, every: 100, schedule: 'three_phase', learningRate: 5e-4, warmup: 0 } as const;

it('T12: prints step, learning rate and phase', () => {
  const lines = learningRateRows(computeRows({ ...options, every: 400 }), createStyle(false));
  expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
    "
    step  learning rate  phase
       0       5.000e-4  Exploration   ██████████████████████████████
     400       3.500e-4  Exploration   █████████████████████
     800       2.000e-4  Exploitation  ████████████
    1200       2.362e-5  Exploitation  █▍
    1600       3.445e-6  Refinement    ▎
    1999       1.000e-6  Refinement
    "
  `);
});

it('T12: has a row for every hundredth step and the last', () => {
  const rows = computeRows(options);
  expect(rows.map(({ step }) => step)).toEqual([...Array.from({ length: 20 }, (_, i) => i * 100), 1999]);
  expect(rows.filter(({ phase }) => phase === 'Exploitation').map(({ step }) => step)).toEqual([
    800, 900, 1000, 1100, 1200,
  ]);
});

it('prints as many rows as a run has steps', () => {
  const lines = learningRateRows(computeRows({ ...options, steps: 200_000, every: 1 }), createStyle(false));
  expect(lines).toHaveLength(200_001);
});

it('names the warm-up, and no phase where a schedule has none', () => {
  const rows = computeRows({ ...options, schedule: 'linear', steps: 4, every: 1, warmup: 2 });
  expect(rows.map(({ phase }) => phase)).toEqual(['Warm-up', 'Warm-up', null, null]);
  const cut = computeRows({ ...options, steps: 5, every: 1, warmup: 2 });
  expect(cut.map(({ phase }) => phase)).toEqual(['Warm-up', 'Exploration', 'Exploitation', 'Refinement', 'Refinement']);
});
