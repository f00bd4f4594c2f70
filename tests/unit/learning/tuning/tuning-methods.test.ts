import { describe, expect, it } from 'vitest';
import { normalCdf, normalLogCdf } from '../../../../learning/statistics/normal.js';
import { normaliseImportances, pedAnovaImportances } from '../../../../learning/tuning/ped-anova.js';
import {
  functionalAnovaImportances,
  impurityDecreaseImportances,
} from '../../../../learning/tuning/functional-anova.js';
import { sobolPoint } from '../../../../learning/tuning/quasi-random-sampler.js';
import { createRandomSampler } from '../../../../learning/tuning/random-sampler.js';
import { SEARCH_SPACE } from '../../../../learning/tuning/search-space.js';
import { createStudy, finishTrial, reportValue, startTrial, type Study } from '../../../../learning/tuning/study.js';
import { createSuccessiveHalvingPruner } from '../../../../learning/tuning/successive-halving-pruner.js';
import { checkImportances } from '../../../../scripts/parity/importances.js';
import { CaseRecorder, type ParityReport } from '../../../../scripts/parity/report.js';

describe('normal distribution', () => {
  it('agrees with tabled values, from the centre into the tails', () => {
    expect(normalCdf(0)).toBe(0.5);
    expect(normalCdf(1)).toBeCloseTo(0.8413447460685429, 14);
    expect(normalCdf(-5) / 2.866515718791939e-7).toBeCloseTo(1, 12);
    expect(normalLogCdf(-40)).toBeCloseTo(-804.6084420137538, 9);
    expect(normalLogCdf(10) / -7.619853024160525e-24).toBeCloseTo(1, 9);
    for (const x of [-2.2, 2.2]) expect(normalCdf(x - 1e-9)).toBeCloseTo(normalCdf(x + 1e-9), 9);
  });
});

describe('Sobol sequence', () => {
  it('hits every 2^k-th of each dimension once in 2^k points', () => {
    const points = Array.from({ length: 64 }, (_, index) => sobolPoint(index, 13));
    for (let d = 0; d < 13; d++) {
      const cells = points.map((point) => Math.floor(point[d]! / 2 ** 26)).sort((a, b) => a - b);
      expect(cells).toEqual(Array.from({ length: 64 }, (_, cell) => cell));
    }
    expect(Array.from(sobolPoint(1, 3), (x) => x / 2 ** 32)).toEqual([0.5, 0.5, 0.5]);
    expect(Array.from(sobolPoint(2, 3), (x) => x / 2 ** 32)).toEqual([0.75, 0.25, 0.25]);
  });
});

function randomStudy(score: (values: Record<string, number>) => number, trials: number): Study {
  const sampler = createRandomSampler();
  let study = createStudy({ name: 'importances', space: SEARCH_SPACE, seed: 1 });
  for (let number = 0; number < trials; number++) {
    const values = sampler.suggest(study, number);
    study = finishTrial(startTrial(study, values), number, { value: score(values) });
  }
  return study;
}

describe('importances', () => {
  const study = randomStudy((values) => 50 * values.warmupRatio! + values.numEpochs! / 2, 80);

  it.each([pedAnovaImportances, functionalAnovaImportances, impurityDecreaseImportances])(
    '%o puts the parameter first that decides most, and shares sum to 1',
    (evaluate) => {
      const shares = normaliseImportances(evaluate(study));
      const order = Object.keys(shares).sort((a, b) => shares[b]! - shares[a]!);
      expect(order[0]).toBe('warmupRatio');
      expect(Object.values(shares).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    },
  );

  it('are equal shares when there is nothing to tell apart', () => {
    const few = { ...study, trials: study.trials.slice(0, 1) };
    for (const evaluate of [pedAnovaImportances, functionalAnovaImportances, impurityDecreaseImportances]) {
      expect(new Set(Object.values(normaliseImportances(evaluate(few))))).toEqual(new Set([1 / 6]));
    }
  });

  it('that are 0 agree with a reference of 0', () => {
    const report: ParityReport = { passed: 0, failed: 0, unknown: 0, failures: [], cases: [] };
    const space = [{ name: 'x', type: 'float' as const, low: 0, high: 1, log: false }];
    const trials = [0, 1].map((x) => ({ params: { x }, value: x }));
    const none = { x: 0 };
    const ped_anova = { 'target=0.9,region=1.0,local=True': { raw: none, normalized: { x: 1 } } };
    const studies = [{ objective: 'any', trials, ped_anova, fanova_mean: { x: 1 }, mdi_mean: { x: 1 } }];
    checkImportances({ space, studies }, new CaseRecorder(report, 'importances'));
    expect(report.failures).toEqual([]);
  });
});

describe('successive halving', () => {
  it('comes within seed noise of the full-budget best at no more than 35 % of the steps', () => {
    const steps = 27;
    const pruner = createSuccessiveHalvingPruner({ leastResource: 1, reductionFactor: 3 });
    const sampler = createRandomSampler();
    let [used, worst] = [0, 0];
    for (let seed = 0; seed < 10; seed++) {
      let study = createStudy({ name: 'halving', space: SEARCH_SPACE, seed });
      let [bestOfAll, bestKept] = [-Infinity, -Infinity];
      for (let number = 0; number < 60; number++) {
        const values = sampler.suggest(study, number);
        const final = 80 - 10 * Math.log10(values.learningRate! / 1e-4) ** 2 - (values.numEpochs! - 4) ** 2;
        bestOfAll = Math.max(bestOfAll, final);
        study = startTrial(study, values);
        let pruned = false;
        for (let step = 1; step <= steps && !pruned; step++, used++) {
          const decision = pruner.decide(reportValue(study, number, step, final * (1 - 0.5 / step)), number);
          [study, pruned] = [decision.study, decision.prune];
        }
        if (!pruned) bestKept = Math.max(bestKept, final);
        study = finishTrial(study, number, pruned ? 'pruned' : { value: final });
      }
      worst = Math.max(worst, bestOfAll - bestKept);
    }
    expect(used / (10 * 60 * steps)).toBeLessThanOrEqual(0.35);
    expect(worst).toBeLessThanOrEqual(1);
  });
});
