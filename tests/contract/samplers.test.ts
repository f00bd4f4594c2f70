import { describe, expect, it } from 'vitest';
import { createDefaultSampler } from '../../learning/tuning/default-sampler.js';
import { createGaussianProcessSampler } from '../../learning/tuning/gaussian-process-sampler.js';
import { createQuasiRandomSampler } from '../../learning/tuning/quasi-random-sampler.js';
import { createRandomSampler } from '../../learning/tuning/random-sampler.js';
import { isInRange, SEARCH_SPACE, type ParameterValues, type SearchSpace } from '../../learning/tuning/search-space.js';
import { createStudy, finishTrial, reportValue, startTrial, type Study } from '../../learning/tuning/study.js';
import { createTpeSampler } from '../../learning/tuning/tpe-sampler.js';

/** A score that is best at learning rate 1e-4, 3 epochs and rank 16, and gets worse with each factor away from them. */
function score(values: ParameterValues): number {
  const away = Math.log10(values.learningRate! / 1e-4) ** 2 + Math.log2(values.loraRank! / 16) ** 2 / 4;
  return 80 - 10 * away - (values.numEpochs! - 3) ** 2;
}

/** A study after `count` trials, every seventh pruned and every ninth failed. */
function history(count: number, direction: Study['direction'] = 'maximize'): Study {
  const random = createRandomSampler();
  let study = createStudy({ name: 'contract', space: SEARCH_SPACE, seed: 5, direction });
  for (let number = 0; number < count; number++) {
    const values = random.suggest(study, number);
    const value = direction === 'maximize' ? score(values) : -score(values);
    study = reportValue(startTrial(study, values), number, 1, value - 5);
    const outcome = number % 7 === 6 ? 'pruned' : number % 9 === 8 ? 'failed' : { value };
    study = finishTrial(study, number, outcome);
  }
  return study;
}

const samplers = [
  createRandomSampler(),
  createQuasiRandomSampler(),
  createTpeSampler(),
  createTpeSampler({ multivariate: false }),
  createGaussianProcessSampler({ candidates: 64 }),
  createDefaultSampler(),
];

describe.each(samplers)('sampler $name', (sampler) => {
  it.each([0, 1, 12, 30])('proposes values inside their ranges after %i trials', (count) => {
    const study = history(count);
    const values = sampler.suggest(study, count);
    expect(Object.keys(values)).toEqual(Object.keys(SEARCH_SPACE));
    for (const [name, range] of Object.entries(SEARCH_SPACE)) expect(isInRange(values[name]!, range)).toBe(true);
  });

  it('keeps a range of one value at that value', () => {
    const space: SearchSpace = {
      float: { low: 0.5, high: 0.5, scale: 'linear', integer: false },
      log: { low: 1e-3, high: 1e-3, scale: 'log', integer: false },
      integer: { low: 3, high: 3, scale: 'log', integer: true },
      free: { low: 0, high: 1, scale: 'linear', integer: false },
    };
    let study = createStudy({ name: 'single', space, seed: 1 });
    for (let number = 0; number < 14; number++) {
      const values = sampler.suggest(study, number);
      expect(Object.keys(values)).toEqual(Object.keys(space));
      expect(values).toMatchObject({ float: 0.5, integer: 3 });
      expect(values.log).toBeCloseTo(1e-3, 12);
      study = finishTrial(startTrial(study, values), number, { value: values.free! });
    }
  });

  it('proposes the same for a study that went through JSON', () => {
    const study = history(20);
    const stored = JSON.parse(JSON.stringify(study)) as Study;
    expect(sampler.suggest(stored, 20)).toEqual(sampler.suggest(study, 20));
  });

  it('proposes something else for another trial or another seed', () => {
    const study = history(5);
    const first = sampler.suggest(study, 5);
    expect(sampler.suggest(study, 6)).not.toEqual(first);
    expect(sampler.suggest({ ...study, seed: 6 }, 5)).not.toEqual(first);
  });

  it('proposes the same when the direction and all signs are turned', () => {
    expect(sampler.suggest(history(25, 'minimize'), 25)).toEqual(sampler.suggest(history(25), 25));
  });

  it('keeps parallel trials apart', () => {
    let study = history(20);
    const proposed: ParameterValues[] = [];
    for (let number = 20; number < 24; number++) {
      const values = sampler.suggest(study, number);
      for (const other of proposed) expect(values).not.toEqual(other);
      proposed.push(values);
      study = startTrial(study, values);
    }
  });

  it('works when every trial has the same value or failed', () => {
    const study = history(15);
    const equal = study.trials.map((trial) => ({ ...trial, state: 'complete' as const, value: 1 }));
    const failed = study.trials.map((trial) => ({ ...trial, state: 'failed' as const, value: null }));
    for (const trials of [equal, failed]) {
      const values = sampler.suggest({ ...study, trials }, 15);
      expect(Object.values(values).every(Number.isFinite)).toBe(true);
    }
  });

  it('leaves the study as it is', () => {
    const study = history(15);
    const before = JSON.stringify(study);
    sampler.suggest(study, 15);
    expect(JSON.stringify(study)).toBe(before);
  });
});
