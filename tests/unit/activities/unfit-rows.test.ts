import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it, onTestFinished } from 'vitest';
import { writeRows } from '../../../activities/artifacts.js';
import { createTrainingGpuActivities, createTrainingStoreActivities } from '../../../activities/training.js';
import type { GpuActivities } from '../../../activities/interfaces.js';
import { LoopConfig } from '../../../config/loop.js';
import { formatPrompt, generateTasks } from '../../../datasets/index.js';
import { createEngine, type ObjectiveSpec } from '../../../engine/index.js';
import { bestOrDefault } from '../../../learning/tuning/best-or-default.js';
import { Store } from '../../../store/store.js';

const config = LoopConfig.parse({
  name: 'long',
  model: path.resolve('models/base'),
  training: { numEpochs: 1, batchSize: 4, maxLength: 128 },
});
type TrainInput = Parameters<GpuActivities['trainModel']>[0];
type Trained = Awaited<ReturnType<GpuActivities['trainModel']>>;

const key = { loop: 'long', round: 1 };
const rows = generateTasks({ seed: 1, purpose: 'unfit-rows', count: 4, distribution: 'easy' }).map((task) => ({
  id: task.id,
  prompt: formatPrompt(task.artifactType, task.specification),
  completion: task.reference,
}));
const tooLong = Array(50).fill(rows[0]!.completion).join('\n');

it.each<[string, { id: string }[], ObjectiveSpec | undefined]>([
  ['a label', [...rows, { ...rows[0]!, id: 'too-long', completion: tooLong }], undefined],
  [
    'an answer of a pair',
    [
      ...rows.map(({ id, prompt, completion }, place) => ({
        id,
        prompt,
        chosen: completion,
        rejected: rows[(place + 1) % rows.length]!.completion,
      })),
      { id: 'too-long', prompt: rows[0]!.prompt, chosen: rows[0]!.completion, rejected: tooLong },
    ],
    { kind: 'dpo', beta: 0.1 } as ObjectiveSpec,
  ],
])(
  'D8: %s that is longer than the model may read goes to the ledger, and the round trains on the rest',
  async (_, plan, objective) => {
    const dataFolder = mkdtempSync(path.join(tmpdir(), 'unfit-'));
    const engine = createEngine();
    const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'));
    onTestFinished(async () => {
      await Promise.all([engine.close(), store.close()]);
      rmSync(dataFolder, { recursive: true, force: true });
    });
    const planRef = await writeRows(dataFolder, 'loops/long/round-1/train.jsonl', plan);
    const { parameters } = bestOrDefault([], config.training);
    const { trainModel } = createTrainingGpuActivities({ dataFolder, engine });
    const trained = await new MockActivityEnvironment().run<[TrainInput], Trained, typeof trainModel>(trainModel, {
      key,
      config,
      planRef,
      validationRef: null,
      parameters,
      initialModel: null,
      outputName: 'long-round-1',
      ...(objective && { objective }),
    });
    expect(trained.run.steps).toBe(1);
    await createTrainingStoreActivities({ dataFolder, store }).recordTraining({
      key,
      parameters,
      planRef,
      parent: null,
      ...trained,
    });
    const [rejected, ...others] = await store.rejectedRows();
    expect(others).toEqual([]);
    expect(rejected).toMatchObject({
      source: 'training',
      reason: expect.stringMatching(/^its completion has \d+ tokens/),
    });
    expect(rejected!.raw).toContain('"too-long"');
  },
);
