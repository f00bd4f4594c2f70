import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RatchetError } from '../../config/errors.js';
import { formatPrompt } from '../../datasets/index.js';
import type { TrainSpec } from '../../engine/index.js';
import { startEnvironment } from './environment.js';
import { withLoop } from './loop-harness.js';
import { RealLoop } from './real-loop.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

const SMALL = {
  name: 'preferring',
  rounds: 1,
  simulatedUsers: { requests: 60, wrongLabels: 0, testSpecifications: 12 },
  batching: { min: 1 },
  components: { preferenceLearning: true },
  tracking: { holdOut: 'newest' as const },
  training: { numEpochs: 1, batchSize: 8 },
  preference: { inputs: 20, samples: 4, numEpochs: 2, batchSize: 4, beta: 0.3, loss: 'ipo' },
};
const isDpo = ({ objective }: TrainSpec) => objective?.kind === 'dpo';

describe('preference learning', () => {
  it("R8: pairs come from feedback and from the champion's answers, and DPO goes on from the round's adapter", async () => {
    const specs: TrainSpec[] = [];
    const loop = await RealLoop.open({
      // What has learned from pairs is better than what has learned from labels.
      skillOf(spec) {
        specs.push(spec);
        return isDpo(spec) ? 0.9 : 0.6;
      },
    });
    await withLoop(environment, loop, SMALL, async ({ handle }) => {
      const { results, adapterSha256 } = await handle.result();
      const [round] = results;
      const [trained, learned] = await loop.store.modelVersions('preferring');
      expect(trained).toMatchObject({ id: 'preferring-round-1', champion: false });
      expect(learned).toMatchObject({ id: 'preferring-round-1-preference', parentId: trained!.id, champion: true });
      expect(learned!.sha256).toBe(adapterSha256);
      expect(round!.model!.id).toBe(learned!.id);

      const pairs = await loop.store.preferences('preferring', 1);
      expect(round!.preference).toMatchObject({ pairs: pairs.length, steps: 2, reason: `${pairs.length} pairs` });
      const fromFeedback = pairs.filter((pair) => pair.eventIds.length > 0);
      expect(fromFeedback.length).toBeGreaterThan(0);
      expect(fromFeedback.length).toBeLessThan(pairs.length);
      const heldOut = (await loop.store.examples('preferring', 1)).filter((row) => row.split === 'validation');
      expect(heldOut.length).toBeGreaterThan(0);
      const heldOutPrompts = heldOut.map((row) => formatPrompt(row.artifactType, row.input));
      expect(pairs.filter(({ prompt }) => heldOutPrompts.includes(prompt))).toEqual([]);

      expect(specs.map(isDpo)).toEqual([false, true]);
      const [first, second] = specs;
      expect(second).toMatchObject({
        objective: { kind: 'dpo', loss: 'ipo', beta: 0.3, reference: 'initial' },
        seed: first!.seed,
      });
      expect(second!.parameters).toMatchObject({ batchSize: 4, gradientAccumulationSteps: 1, numEpochs: 2 });
      expect(second!.initialAdapterDir).toBe(first!.outputDir);
      const runs = await loop.store.trainingRuns('preferring');
      expect(runs.map(({ kind, initialAdapter }) => [kind, initialAdapter])).toEqual([
        ['preference', 'preferring-round-1'],
        ['round', undefined],
      ]);
    });
  });

  it('R8: a round with too few pairs learns from none of them and says so', async () => {
    const loop = await RealLoop.open();
    const preference = { ...SMALL.preference, inputs: 0, minimumPairs: 1000 };
    await withLoop(environment, loop, { ...SMALL, preference }, async ({ handle }) => {
      const [round] = (await handle.result()).results;
      expect(round!.model!.id).toBe('preferring-round-1');
      expect(round!.preference).toMatchObject({ steps: 0, loss: null });
      expect(round!.preference!.reason).toMatch(/^\d+ pairs of at least 1000$/);
    });
  });

  it('R8: a training on pairs that is lost goes on from its checkpoint to the same model', async () => {
    const left = [];
    for (const isDisturbed of [false, true]) {
      let lost = 0;
      const loop = await RealLoop.open({
        beforeEpoch(spec, epoch) {
          if (!isDisturbed || !isDpo(spec) || epoch !== 2 || lost++ > 0) return;
          throw new RatchetError('E_INTERNAL', 'the worker was killed');
        },
      });
      await withLoop(environment, loop, SMALL, ({ handle }) => handle.result());
      expect(lost > 0).toBe(isDisturbed);
      expect(new Set(loop.engine.epochs).size).toBe(loop.engine.epochs.length);
      const { model_versions: models, preference_pairs: pairs } = await loop.store.contentHashes();
      left.push({ models, pairs });
    }
    expect(left[1]).toEqual(left[0]);
  });
});
