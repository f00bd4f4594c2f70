import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainModel, type TrainResult, type TrainSpec } from '../../../engine/index.js';
import { findOrigin, keepSpec } from '../../../engine/train/fork-run.js';
import { changedSpec, runForkJob } from '../../../workers/jobs/fork-job.js';
import type { ForkJob, JobContext, JobEvent } from '../../../workers/jobs/messages.js';
import { tinySpec, writeTinyModel } from '../train/tiny-model.js';

let folder: string;
let spec: TrainSpec;
let whole: TrainResult;
/** Of 12 steps the checkpoints of 9 and 12 are left, and that of the best validation. */
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-fork-'));
  await writeTinyModel(folder);
  // The last weights are the result, not the best ones, which a fork would share.
  const { patience: _, ...rest } = tinySpec(folder);
  spec = rest;
  await keepSpec(path.join(folder, 'output.run'), spec);
  whole = await trainModel(spec);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const job = (name: string, given: Partial<ForkJob> = {}): ForkJob => ({
  kind: 'fork',
  run: path.join(folder, 'output'),
  dataFolder: folder,
  step: 9,
  outputDir: path.join(folder, name),
  changes: {},
  device: 'cpu',
  threads: 1,
  actor: 'ada',
  reason: 'to see',
  ...given,
});

function context(onEvent: (event: JobEvent) => void = () => {}): JobContext & { stop(): void } {
  const stop = new AbortController();
  return { emit: onEvent, signal: stop.signal, stop: () => stop.abort(new Error('stopped')) };
}

describe('a fork', () => {
  it('with nothing changed ends with the bits of the run it came from', async () => {
    const forked = await runForkJob(job('same'), context());
    expect(forked).toMatchObject({ sha256: whole.sha256, steps: 12, resumedFrom: 9 });
  });

  it('with other settings goes its own way from the same weights, and leaves the other run as it was', async () => {
    const before = readFileSync(path.join(folder, 'output/adapter_model.safetensors'));
    const steps: number[] = [];
    const forked = await runForkJob(
      job('longer', { changes: { learning_rate: '0.01', numEpochs: '3' } }),
      context((event) => event.event === 'step' && steps.push(event.step)),
    );
    expect(steps).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18]);
    expect(forked.sha256).not.toBe(whole.sha256);
    expect(readFileSync(path.join(folder, 'output/adapter_model.safetensors'))).toEqual(before);
    const note = JSON.parse(readFileSync(path.join(folder, 'longer.run/fork.json'), 'utf8')) as object;
    const { sha256 } = await findOrigin(spec, 9);
    expect(note).toMatchObject({
      from: { run: path.join(folder, 'output.run'), step: 9, checkpoint: sha256 },
      changes: { learning_rate: '0.01', numEpochs: '3' },
      actor: 'ada',
      reason: 'to see',
    });
  });

  it('stopped and given again, with the other run gone, ends with the same bits', async () => {
    const changes = { learningRate: '0.02' };
    const undisturbed = await runForkJob(job('undisturbed', { changes }), context());
    const copy = path.join(folder, 'copy.run');
    cpSync(spec.checkpointDir, path.join(copy, 'checkpoints'), { recursive: true });
    await keepSpec(copy, { ...spec, checkpointDir: path.join(copy, 'checkpoints') });
    const given = job('stopped', { changes, run: copy });
    const stopping = context((event) => event.event === 'step' && event.step === 11 && stopping.stop());
    await expect(runForkJob(given, stopping)).rejects.toThrow('stopped');
    rmSync(path.join(copy, 'checkpoints'), { recursive: true });
    expect(await runForkJob(given, context())).toMatchObject({ sha256: undisturbed.sha256, resumedFrom: 11 });
    expect(await runForkJob(given, context())).toMatchObject({ sha256: undisturbed.sha256 });
  });

  it('takes a round of a loop by its name', async () => {
    const training = path.join(folder, 'loops/main/round-3/training-abc');
    await keepSpec(training, spec);
    const forked = await runForkJob(job('of-round', { run: 'main/round-3', step: null }), context());
    expect(forked).toMatchObject({ sha256: whole.sha256, resumedFrom: 12 });
  });

  it('says what there is to begin with', async () => {
    await expect(runForkJob(job('none', { step: 4 }), context())).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: 'There is no checkpoint of step 4.',
      hint: expect.stringMatching(/^There are checkpoints of the steps .*9, 12: a run keeps/),
    });
    await expect(runForkJob(job('none', { run: 'nobody/round-1' }), context())).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
    const origin = await findOrigin(spec, 9);
    const damaged = path.join(folder, 'damaged');
    cpSync(origin.folder, path.join(damaged, 'run-x'), { recursive: true });
    writeFileSync(path.join(damaged, 'run-x/step-00000009/state.json'), '{}');
    await keepSpec(damaged, { ...spec, checkpointDir: damaged });
    await expect(runForkJob(job('none', { run: damaged }), context())).rejects.toMatchObject({
      code: 'E_CHECKPOINT_CORRUPT',
    });
    expect(existsSync(path.join(folder, 'none'))).toBe(false);
  });
});

describe('what a fork can change', () => {
  it('is what leaves the parameters and the place in the data as they are', () => {
    const changed = changedSpec(spec, { seed: '3', earlyStoppingPatience: '5', schedule: 'cosine', maxSteps: '20' });
    expect(changed).toMatchObject({ seed: 3, patience: 5, parameters: { schedule: 'cosine', maxSteps: 20 } });
    expect(changedSpec(changed, { numEpochs: '4' }).parameters).not.toHaveProperty('maxSteps');
    expect(() => changedSpec(spec, { loraRank: '8' })).toThrow('A fork cannot change loraRank.');
    expect(() => changedSpec(spec, { learningRate: '-1' })).toThrow('--set learningRate: must be number > 0, got -1');
  });
});
