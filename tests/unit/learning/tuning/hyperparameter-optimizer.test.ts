import { describe, expect, it } from 'vitest';
import {
  HyperparameterOptimizer,
  TrialPruned,
  type Objective,
} from '../../../../learning/tuning/hyperparameter-optimizer.js';
import { createMedianPruner } from '../../../../learning/tuning/percentile-pruner.js';
import { createRandomSampler } from '../../../../learning/tuning/random-sampler.js';
import type { Sampler } from '../../../../learning/tuning/sampler.js';
import { isInRange, SEARCH_SPACE } from '../../../../learning/tuning/search-space.js';
import type { Study } from '../../../../learning/tuning/study.js';
import { createTpeSampler } from '../../../../learning/tuning/tpe-sampler.js';

const defaults = { learningRate: 2e-4, batchSize: 16, numEpochs: 3, warmupRatio: 0.1, loraRank: 16, loraAlpha: 32 };

/** A synthetic score surface with an optimum inside and an interaction of rate and rank. */
const surface: Objective = (values) => {
  const rate = Math.log10(values.learningRate! / 3e-5);
  const rank = Math.log2(values.loraRank! / 24);
  const epochs = values.numEpochs! - 4;
  return (
    85 - 8 * (rate - 0.2 * rank) ** 2 - 2 * rank ** 2 - 0.6 * epochs ** 2 - 100 * (values.warmupRatio! - 0.06) ** 2
  );
};

describe('HyperparameterOptimizer', () => {
  it('R7: TPE beats random on a synthetic surface over 20 seeds', async () => {
    const bestScores = (sampler: Sampler) =>
      Promise.all(
        Array.from({ length: 20 }, async (_, seed) => {
          const optimizer = new HyperparameterOptimizer({ defaults, sampler, seed });
          return (await optimizer.optimize(surface, 30)).bestScore!;
        }),
      );
    const [tpe, random] = [await bestScores(createTpeSampler()), await bestScores(createRandomSampler())];
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(tpe)).toBeGreaterThan(mean(random) + 0.5);
    expect(tpe.filter((value, seed) => value > random[seed]!).length).toBeGreaterThanOrEqual(15);
  });

  it('R7: answers the best parameters and score of 50 trials within the space', async () => {
    const optimizer = new HyperparameterOptimizer({ defaults, sampler: createTpeSampler() });
    const { bestParams, bestScore, study } = await optimizer.optimize(surface);
    expect(study.trials).toHaveLength(50);
    expect(bestScore).toBe(Math.max(...study.trials.map((trial) => trial.value!)));
    expect(await surface(bestParams, { number: 0, report: async () => false })).toBe(bestScore);
    for (const [name, range] of Object.entries(SEARCH_SPACE)) expect(isInRange(bestParams[name]!, range)).toBe(true);
  });

  it('R7: falls back to the defaults when every trial fails', async () => {
    const optimizer = new HyperparameterOptimizer({ defaults });
    const result = await optimizer.optimize((_, { number }) => {
      if (number % 2 === 0) throw new Error('out of memory');
      return NaN;
    }, 14);
    expect([result.bestParams, result.bestScore]).toEqual([defaults, null]);
    expect(result.study.trials.map((trial) => trial.state)).toEqual(Array.from({ length: 14 }, () => 'failed'));
  });

  it('R7: resumes from a stored study to the same trials, a killed trial included', async () => {
    const undisturbed = await new HyperparameterOptimizer({ defaults }).optimize(surface, 18);
    let stored = '';
    const killed = new HyperparameterOptimizer({
      defaults,
      onChange: (_, study) => {
        if (study.trials.length === 14 && study.trials[13]!.state === 'running') throw new Error('killed');
        stored = JSON.stringify(study);
      },
    });
    await expect(killed.optimize(surface, 18)).rejects.toThrow('killed');
    const resumed = new HyperparameterOptimizer({ defaults, studies: { all: JSON.parse(stored) as Study } });
    expect((await resumed.optimize(surface, 18)).study.trials).toEqual(undisturbed.study.trials);

    const running = { ...undisturbed.study, trials: undisturbed.study.trials.slice(0, 14) };
    running.trials[13] = { ...running.trials[13]!, state: 'running', value: null };
    const again = new HyperparameterOptimizer({ defaults, studies: { all: running } });
    expect((await again.optimize(surface, 18)).study.trials).toEqual(undisturbed.study.trials);
  });

  it('R7: keeps one study per artifact type', async () => {
    const optimizer = new HyperparameterOptimizer({ defaults, sampler: createRandomSampler() });
    await optimizer.optimize(surface, 3, 'code');
    await optimizer.optimize(surface, 2, 'prose');
    expect([optimizer.study('code').trials.length, optimizer.study('prose').trials.length]).toEqual([3, 2]);
    expect(optimizer.study('code').trials[0]!.parameters).not.toEqual(optimizer.study('prose').trials[0]!.parameters);
  });

  it('stops trials that the pruner judges bad', async () => {
    const optimizer = new HyperparameterOptimizer({
      defaults,
      sampler: createRandomSampler(),
      pruner: createMedianPruner(),
    });
    const { study, bestScore } = await optimizer.optimize(async (values, trial) => {
      const final = await surface(values, trial);
      for (let step = 1; step <= 4; step++) {
        if (await trial.report(step, final - 4 + step)) throw new TrialPruned();
      }
      return final;
    }, 30);
    const pruned = study.trials.filter((trial) => trial.state === 'pruned');
    expect(pruned.length).toBeGreaterThan(5);
    expect(pruned.every((trial) => trial.intermediate.length < 4 && trial.value === null)).toBe(true);
    expect(bestScore).toBe(Math.max(...study.trials.map((trial) => trial.value ?? -Infinity)));
  });
});
