import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TrainHooks, TrainResult, TrainSegment, TrainSpec } from '../../../engine/api.js';
import { readAdapter } from '../../../engine/formats/peft.js';
import { CompileCache } from '../../../engine/trace/index.js';
import { trainModel as train } from '../../../engine/train/train-model.js';
import { tinySpec, writeTinyModel } from './tiny-model.js';

let folder: string;
const graphs = new CompileCache(100, { threads: 1 });
const trainModel = (of: TrainSpec, hooks: TrainHooks = {}) => train(of, hooks, { graphs });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-segment-'));
  await writeTinyModel(folder);
});
afterAll(async () => {
  await graphs.clear();
  await rm(folder, { recursive: true, force: true });
});

const STEPS = 12;

function part(name: string, segment: TrainSegment, start?: string): TrainSpec {
  const { patience: _, validationFile: _file, ...spec } = tinySpec(folder);
  return {
    ...spec,
    parameters: { ...spec.parameters, maxSteps: STEPS },
    outputDir: join(folder, name),
    checkpointDir: join(folder, `${name}-checkpoints`),
    ...(start !== undefined && { initialAdapterDir: join(folder, start) }),
    segment: { ...segment, ...(segment.previousDir && { previousDir: join(folder, segment.previousDir) }) },
  };
}

it('W2: a training cut into segments ends in the bits of the whole one', async () => {
  const { patience: _, ...spec } = tinySpec(folder);
  const whole = await trainModel({ ...spec, outputDir: join(folder, 'whole'), checkpointDir: join(folder, 'whole-c') });
  const one = { shard: 0, shards: 1 };
  await trainModel(part('cut-0', { ...one, from: 0, to: 0 }));
  await trainModel(part('cut-1', { ...one, from: 0, to: 5 }, 'cut-0'));
  const last = await trainModel(part('cut-2', { ...one, from: 5, to: STEPS, previousDir: 'cut-1' }, 'cut-1'));
  expect(last.sha256).toBe(whole.sha256);
  expect(last.trainLoss).toBe(whole.trainLoss);
});

it('W2: a segment that is stopped and started again gives the same bits', async () => {
  const segment = { shard: 1, shards: 2, from: 0, to: 5 };
  const undisturbed = await trainModel(part('calm', segment));
  const controller = new AbortController();
  const stopped = trainModel(part('stopped', segment), {
    signal: controller.signal,
    onStep: ({ step }) => step === 3 && controller.abort(new Error('stop here')),
  });
  await expect(stopped).rejects.toThrow('stop here');
  const resumed = await trainModel(part('stopped', segment));
  expect(resumed.resumedFrom).toBe(3);
  expect(resumed.sha256).toBe(undisturbed.sha256);
});

it('shards start from one adapter and learn from different rows', async () => {
  const start = await Promise.all(
    [0, 1].map((shard) => trainModel(part(`start-${shard}`, { shard, shards: 2, from: 0, to: 0 }))),
  );
  expect(start[0]!.sha256).toBe(start[1]!.sha256);
  const reports: number[] = [];
  const trained: TrainResult[] = [];
  for (const shard of [0, 1])
    trained.push(
      await trainModel(part(`shard-${shard}`, { shard, shards: 2, from: 0, to: 6 }, 'start-0'), {
        onStep: ({ tokens }) => reports.push(tokens),
      }),
    );
  expect(trained[0]!.sha256).not.toBe(trained[1]!.sha256);
  // Two epochs of 11 rows each in steps of 4: what both see together is the file twice.
  const { patience: _, ...spec } = tinySpec(folder);
  const all: number[] = [];
  await trainModel(
    { ...spec, outputDir: join(folder, 'tokens'), checkpointDir: join(folder, 'tokens-c') },
    { onStep: ({ tokens }) => all.push(tokens) },
  );
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  expect(sum(reports)).toBe(sum(all));
});

it('a segment without steps only validates, and leaves the weights as they are', async () => {
  const spec = tinySpec(folder);
  await trainModel(part('before', { shard: 0, shards: 2, from: 0, to: 4 }));
  const looked = await trainModel({
    ...part('looked', { shard: 0, shards: 2, from: 4, to: 4 }, 'before'),
    validationFile: spec.validationFile!,
  });
  expect(looked.validationLoss).toBeGreaterThan(0);
  const [before, after] = await Promise.all(['before', 'looked'].map((name) => readAdapter(join(folder, name))));
  expect([...after!.tensors]).toEqual([...before!.tensors]);
});

it('names the step whose optimizer is missing, and the worker that has no rows', async () => {
  await trainModel(part('short', { shard: 0, shards: 2, from: 0, to: 2 }));
  const wrong = part('wrong', { shard: 0, shards: 2, from: 4, to: 6, previousDir: 'short' }, 'short');
  await expect(trainModel(wrong)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  const none = part('none', { shard: 22, shards: 23, from: 0, to: 2 });
  await expect(trainModel(none)).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
});
