import { expect, it } from 'vitest';
import { rungs } from '../../../workflows/run-trial.js';

it('R7: the pruner is asked after epochs 1, 2, 4 …, never at the end, and not at all when there is none', () => {
  expect(rungs(1, 'median')).toEqual([]);
  expect(rungs(2, 'median')).toEqual([1]);
  expect(rungs(9, 'hyperband')).toEqual([1, 2, 4, 8]);
  expect(rungs(9, 'none')).toEqual([]);
});
