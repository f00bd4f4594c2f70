import { describe, expect, it } from 'vitest';
import { bracketBudgets, createHyperbandPruner } from '../../../../learning/tuning/hyperband-pruner.js';
import { createPercentilePruner } from '../../../../learning/tuning/percentile-pruner.js';
import type { Pruner } from '../../../../learning/tuning/pruner.js';
import { createStudy, finishTrial, reportValue, startTrial, type Study } from '../../../../learning/tuning/study.js';

// All expected decisions are those of Optuna 5.0.0.

/** At which report, counted from 0, each trial is pruned; null: it comes to its end. */
function prunedAt(
  pruner: Pruner,
  direction: Study['direction'],
  trials: readonly (readonly (readonly [step: number, value: number])[])[],
  name = 'pruners',
): (number | null)[] {
  let study = createStudy({ name, direction, space: {} });
  return trials.map((reports, number) => {
    study = startTrial(study, {});
    for (const [index, [step, value]] of reports.entries()) {
      const decision = pruner.decide(reportValue(study, number, step, value), number);
      study = decision.study;
      if (!decision.prune) continue;
      study = finishTrial(study, number, 'pruned');
      return index;
    }
    study = finishTrial(study, number, { value: reports.at(-1)![1] });
    return null;
  });
}

describe('percentile pruner', () => {
  it.each([
    [50, [0.07, 0.87, 0.47], null],
    [30, [0.35, 0.52, 0.469], null],
    [20, [0.73, 0.57, 0.9, 0.832], 0],
    [80, [0.2, 0.94, 0.09, 0, 0.054], 0],
  ])('judges a value at percentile %i of values that are maximised as the reference rounds it', (p, values, last) => {
    const pruner = createPercentilePruner({ percentile: p, startupTrials: values.length - 1 });
    const trials = values.map((value) => [[1, value]] as const);
    expect(prunedAt(pruner, 'maximize', trials)).toEqual([...values.slice(1).map(() => null), last]);
  });

  it('keeps the first of two reports at one step', () => {
    const pruner = createPercentilePruner({ percentile: 50, startupTrials: 1 });
    const better = [
      [1, 0.4],
      [1, 0.9],
    ] as const;
    const worse = [
      [1, 0.9],
      [1, 0.4],
    ] as const;
    expect(prunedAt(pruner, 'minimize', [[[1, 0.5]], better])).toEqual([null, null]);
    expect(prunedAt(pruner, 'minimize', [[[1, 0.5]], worse])).toEqual([null, 0]);
    const study = reportValue(reportValue(startTrial(createStudy({ name: 's', space: {} }), {}), 0, 1, 0.9), 0, 1, 0.4);
    expect(study.trials[0]!.intermediate).toEqual([{ step: 1, value: 0.9 }]);
  });
});

describe('hyperband', () => {
  it('has as many brackets as the reference where a whole trial is a power of the reduction factor', () => {
    expect(bracketBudgets(1, 27, 3)).toEqual([27, 12, 6, 4]);
    expect(bracketBudgets(1, 81, 3)).toHaveLength(5);
    expect(bracketBudgets(1, 243, 3)).toEqual([81, 34, 15, 8, 5]);
    expect(bracketBudgets(1, 729, 3)).toEqual([729, 284, 114, 48, 21, 11, 7]);
    expect(bracketBudgets(1, 3, 3)).toEqual([3, 2]);
  });

  it('prunes nothing when a whole trial is shorter than the lowest rung, now or later', () => {
    const curves = [[1], [2, 2, 2, 2, 2], [3, 3, 3, 3, 3], [1, 1, 1, 1, 1], [4, 4, 4, 4, 4], [2, 3, 4, 5, 6]];
    const trials = curves.map((curve) => curve.map((value, step) => [step, value] as const));
    const never = curves.map(() => null);
    const short = createHyperbandPruner({ leastResource: 4, mostResource: 2 });
    expect(prunedAt(short, 'minimize', trials, 'h')).toEqual(never);
    expect(prunedAt(createHyperbandPruner({ leastResource: 2 }), 'minimize', trials, 'h')).toEqual(never);
    expect(bracketBudgets(4, 2, 3)).toEqual([]);
  });
});
