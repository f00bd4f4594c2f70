import { existsSync } from 'node:fs';
import path from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RatchetError } from '../../config/errors.js';
import type { Study } from '../../learning/tuning/study.js';
import { trialWorkflowId } from '../../workflows/identifiers.js';
import { startEnvironment } from './environment.js';
import { withLoop } from './loop-harness.js';
import { RealLoop } from './real-loop.js';
import type { Script } from './scripted-engine.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

const SMALL = {
  name: 'tuned',
  rounds: 1,
  simulatedUsers: { requests: 60, wrongLabels: 0, testSpecifications: 12 },
  batching: { min: 1 },
  components: { tuning: true },
  training: { numEpochs: 2, learningRate: 1e-5, batchSize: 8 },
  tuning: { trials: 12, parallel: 3, pruner: 'median', space: { numEpochs: [1, 4], learningRate: [1e-6, 1e-3] } },
};
const isTrial = ({ checkpointDir }: { checkpointDir: string }) => checkpointDir.includes('/trials/');

/** What a search leaves: the study, its trials and the adapter. */
async function traces(loop: RealLoop) {
  const { studies, trials, model_versions: models } = await loop.store.contentHashes();
  return { studies, trials, models };
}

describe('the tuning stage', () => {
  it('R7: trials are child workflows, bad ones are pruned, and the round trains with the best', async () => {
    const loop = await RealLoop.open();
    await withLoop(environment, loop, { ...SMALL, rounds: 2 }, async ({ handle, config }) => {
      await handle.result();
      const trials = await loop.store.trials('tuned', 1);
      expect(trials.map(({ number }) => number).sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
      expect(trials.some(({ state }) => state === 'pruned')).toBe(true);
      for (const number of [0, 11]) {
        const child = environment.client.workflow.getHandle(trialWorkflowId('tuned', 1, number));
        expect(['complete', 'pruned']).toContain(await child.result());
      }
      const first = trials.find(({ number }) => number === 0)!;
      expect(first.parameters).toMatchObject({ learningRate: 1e-5, numEpochs: 2, batchSize: 8, loraRank: 16 });
      expect(first.objective).toBeCloseTo(2 + 1 / 2, 9);
      const complete = trials.filter(({ state }) => state === 'complete');
      const best = complete.reduce((a, b) => (b.objective! < a.objective! ? b : a));
      expect(best.objective).toBeLessThan(first.objective!);
      const runs = await loop.store.trainingRuns('tuned');
      expect(runs[0]!.parameters).toMatchObject(best.parameters);
      // What the trials have left is needed no longer than their round.
      for (const round of [1, 2])
        expect(existsSync(path.join(loop.dataFolder, `loops/tuned/round-${round}/trials`))).toBe(false);
      // A pruned trial has not trained to its end.
      const epochs = (number: number) => loop.engine.epochs.filter((entry) => entry.startsWith(`${number}-`)).length;
      const pruned = trials.find(({ state, number }) => state === 'pruned' && number > 2)!;
      expect(epochs(pruned.number)).toBeLessThan(pruned.parameters.numEpochs!);

      // The second round starts from what the first has found; its adapter's rank is given.
      const again = (await loop.store.trials('tuned', 2)).find(({ number }) => number === 0)!;
      expect(again.parameters.learningRate).toBe(best.parameters.learningRate);
      expect(again.parameters.loraRank).toBeUndefined();
      expect((await loop.store.bestTrial('tuned', 'all'))!.round).toBe(2);
      expect(config.tuning.sampler).toBe('default');
    });
  });

  it('R7: with asha a trial waits for the others, the best train longer, and a killed one goes on from its checkpoint', async () => {
    const found = [];
    for (const lost of [false, true]) {
      let killed = false;
      const loop = await RealLoop.open({
        beforeEpoch(spec, epoch) {
          if (!lost || killed || epoch !== 2 || !isTrial(spec)) return;
          killed = true;
          throw new RatchetError('E_INTERNAL', 'the worker was killed');
        },
      });
      const tuning = { ...SMALL.tuning, pruner: 'asha', parallel: 2 };
      await withLoop(environment, loop, { ...SMALL, tuning }, async ({ handle }) => {
        expect((await handle.result()).results[0]!.trained).toBe(true);
      });
      expect(killed).toBe(lost);
      expect(new Set(loop.engine.epochs).size).toBe(loop.engine.epochs.length);
      const trials = await loop.store.trials('tuned', 1);
      expect(trials).toHaveLength(12);
      expect(new Set(trials.map(({ state }) => state))).toEqual(new Set(['complete', 'pruned']));
      const complete = trials.filter(({ state }) => state === 'complete');
      // Each trial was one training of one epoch, and those that went on one more.
      const trainings = new Set(
        loop.engine.epochs.map((entry) => entry.split(' ')[0]!).filter((run) => /^\d/.test(run)),
      );
      const longer = complete.filter(({ parameters }) => parameters.numEpochs! > 1);
      expect(longer.length).toBeGreaterThan(0);
      expect(trainings.size).toBe(12 + longer.length);
      const best = complete.reduce((a, b) => (b.objective! < a.objective! ? b : a));
      expect((await loop.store.trainingRuns('tuned'))[0]!.parameters).toMatchObject(best.parameters);
      found.push(await traces(loop));
    }
    expect(found[1]).toEqual(found[0]);
  });

  it('R7: when every trial fails, the configured parameters are used', async () => {
    const loop = await RealLoop.open({
      beforeEpoch(spec) {
        if (isTrial(spec)) throw new RatchetError('E_NUMERIC', 'the loss is not a number', { retryable: false });
      },
    });
    const tuning = { ...SMALL.tuning, trials: 2, parallel: 1 };
    await withLoop(environment, loop, { ...SMALL, tuning }, async ({ handle }) => {
      expect((await handle.result()).results[0]!.trained).toBe(true);
    });
    expect((await loop.store.trials('tuned', 1)).map(({ state }) => state)).toEqual(['failed', 'failed']);
    const [run] = await loop.store.trainingRuns('tuned');
    expect(run!.parameters).toMatchObject({ learningRate: 1e-5, numEpochs: 2, batchSize: 8 });
  });

  it('R7: a search goes on in the middle of a trial, and neither that nor who is faster changes what it finds', async () => {
    const lost = new Set<string>();
    const scripts: Script[] = [
      {},
      {
        async beforeEpoch(spec, epoch) {
          const place = /trials\/(\d+)-/.exec(spec.checkpointDir)?.[1];
          if (place === undefined) return;
          // The first trials of a generation are the slow ones here; every second epoch is lost once.
          await new Promise((resolve) => setTimeout(resolve, 40 - 10 * (Number(place) % 3)));
          const moment = `${place} ${epoch}`;
          if (epoch !== 2 || lost.has(moment)) return;
          lost.add(moment);
          throw new RatchetError('E_INTERNAL', 'the worker was killed');
        },
      },
    ];
    const found = [];
    for (const script of scripts) {
      const loop = await RealLoop.open(script);
      const tuning = { ...SMALL.tuning, trials: 6 };
      await withLoop(environment, loop, { ...SMALL, tuning }, ({ handle }) => handle.result());
      const study = (await loop.store.study('tuned', 1))!.study as Study;
      found.push({ hashes: await traces(loop), trials: study.trials });
      // No epoch was trained twice: a trial that was lost went on from its checkpoint.
      expect(new Set(loop.engine.epochs).size).toBe(loop.engine.epochs.length);
    }
    expect(lost.size).toBeGreaterThan(0);
    expect(found[1]).toEqual(found[0]);
  });
});
