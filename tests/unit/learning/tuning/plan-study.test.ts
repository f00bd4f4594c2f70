import { describe, expect, it } from 'vitest';
import { LoopConfig } from '../../../../config/loop.js';
import { PRUNERS, SAMPLERS } from '../../../../learning/tuning/methods.js';
import { judgeTrial, planStudy, proposeTrials } from '../../../../learning/tuning/plan-study.js';
import { defaultParameters, isInRange } from '../../../../learning/tuning/search-space.js';
import { finishTrial, reportValue } from '../../../../learning/tuning/study.js';

const current = defaultParameters(LoopConfig.parse({ training: { learningRate: 0.006 } }).training);
const options = { name: 'study', seed: 1, current, earlier: [], ranges: {}, newAdapter: true };

describe('planStudy', () => {
  it('R7: tries the parameters in use first, then those of earlier rounds, each once and inside the space', () => {
    const earlier = [{ learningRate: 1e-4, numEpochs: 5 }, { learningRate: 0.5 }, { learningRate: 1e-4, numEpochs: 5 }];
    const { study, queue } = planStudy({ ...options, earlier });
    expect(queue.map(({ learningRate, numEpochs }) => [learningRate, numEpochs])).toEqual([
      [0.006, 3],
      [1e-4, 5],
    ]);
    expect(study.space.learningRate).toMatchObject({ low: 1e-6, high: 0.006 });
    expect(study.space.batchSize).toMatchObject({ low: 4, high: 64 });
  });

  it('R7: leaves rank and scale alone where an adapter is trained on', () => {
    const { study } = planStudy({ ...options, newAdapter: false });
    expect(Object.keys(study.space)).toEqual(['learningRate', 'batchSize', 'numEpochs', 'warmupRatio']);
  });

  it('R7: takes the whole numbers of a range of counts', () => {
    const counts = { numEpochs: [1, 9.5], batchSize: [0.5, 64.4] } satisfies Partial<Record<string, [number, number]>>;
    const { study, queue } = planStudy({ ...options, ranges: counts });
    expect(study.space.numEpochs).toMatchObject({ low: 1, high: 9 });
    expect(study.space.batchSize).toMatchObject({ low: 1, high: 64 });
    for (const create of Object.values(SAMPLERS)) {
      const { parameters } = proposeTrials({ study, queue }, create(), 30);
      for (const values of parameters)
        for (const [key, range] of Object.entries(study.space)) expect(isInRange(values[key]!, range)).toBe(true);
    }
    for (const batchSize of [
      [8.2, 8.9],
      [0, 16],
      [-4, 16],
    ] as [number, number][])
      expect(() => planStudy({ ...options, ranges: { batchSize } })).toThrow(
        expect.objectContaining({ code: 'E_CONFIG_INVALID', message: expect.stringContaining('batchSize') }),
      );
  });

  it('refuses a range that is none', () => {
    for (const learningRate of [
      [1e-3, 1e-4],
      [0, 1],
    ] as [number, number][])
      expect(() => planStudy({ ...options, ranges: { learningRate } })).toThrow(/learningRate/);
  });
});

describe.each(Object.keys(SAMPLERS) as (keyof typeof SAMPLERS)[])('the sampler %s', (name) => {
  it('R7: proposes the same trials one by one and all at once, inside the space', () => {
    const planned = planStudy(options);
    const { study, parameters } = proposeTrials(planned, SAMPLERS[name](), 4);
    expect(parameters[0]).toEqual(planned.queue[0]);
    let single = planned.study;
    for (let place = 0; place < 4; place++) {
      single = proposeTrials({ study: single, queue: planned.queue }, SAMPLERS[name](), 1).study;
    }
    expect(single).toEqual(study);
    for (const values of parameters)
      for (const [key, range] of Object.entries(study.space)) expect(isInRange(values[key]!, range)).toBe(true);
  });
});

describe('judgeTrial', () => {
  it.each(['median', 'successive-halving', 'hyperband'] as const)(
    'R7: %s decides the same whatever the trials beside it have reported',
    (pruner) => {
      let { study } = proposeTrials(planStudy(options), SAMPLERS.random(), 8);
      for (let number = 0; number < 5; number++) {
        for (const epoch of [1, 2, 4]) {
          study = reportValue(study, number, epoch, (number + 1) / epoch);
          study = judgeTrial(study, number, number, PRUNERS[pruner]()).study;
        }
        study = finishTrial(study, number, { value: (number + 1) / 4 });
      }
      const report = (before: typeof study, value: number) =>
        judgeTrial(reportValue(before, 6, 1, value), 6, 5, PRUNERS[pruner]());
      const beside = judgeTrial(reportValue(study, 5, 1, 0.001), 5, 5, PRUNERS[pruner]()).study;
      for (const value of [0.01, 1.5, 9]) {
        expect(report(beside, value).prune).toBe(report(study, value).prune);
        expect(report(beside, value).study.trials[6]).toEqual(report(study, value).study.trials[6]);
      }
      expect([report(study, 0.01).prune, report(study, 9).prune]).toEqual([false, true]);
    },
  );
});
