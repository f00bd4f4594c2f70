import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckpointReference, StepReport, TrainHooks, TrainSpec } from '../../../engine/api.js';
import { readAdapter } from '../../../engine/formats/peft.js';
import { readSafetensors } from '../../../engine/formats/safetensors.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { CompileCache } from '../../../engine/trace/index.js';
import { loadBestCheckpoint } from '../../../engine/train/checkpoint.js';
import { trainModel as train } from '../../../engine/train/train-model.js';
import { jsonLines, tinyRows, tinySpec, writeTinyModel } from './tiny-model.js';

let folder: string;
const graphs = new CompileCache(100, { threads: 1 });
const trainModel = (of: TrainSpec, hooks: TrainHooks = {}) => train(of, hooks, { graphs });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-train-'));
  await writeTinyModel(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const spec = (name: string, changes: Partial<TrainSpec> = {}): TrainSpec => ({
  ...tinySpec(folder),
  outputDir: join(folder, name),
  checkpointDir: join(folder, `${name}-checkpoints`),
  ...changes,
});

/** Runs and aborts after the step; resolves to the steps that were reported. */
async function abortedRun(of: TrainSpec, after: number): Promise<StepReport[]> {
  const controller = new AbortController();
  const reports: StepReport[] = [];
  const run = trainModel(of, {
    signal: controller.signal,
    onStep(report) {
      reports.push(report);
      if (report.step === after) controller.abort(new Error('stop here'));
    },
  });
  await expect(run).rejects.toThrow('stop here');
  return reports;
}

describe.each(['lora', 'full'] as const)('a %s run', (strategy) => {
  const undisturbed = () => trainModel(spec(`${strategy}-whole`, { strategy }));

  it('writes a complete folder and reports what it did', async () => {
    const result = await undisturbed();
    expect(result).toMatchObject({ steps: 12, stoppedEarly: false, resumedFrom: null, truncatedRows: 0 });
    expect(result.validationLoss).toBeGreaterThan(0);
    expect([6, 12]).toContain(result.bestStep);
    const written = await { lora: readAdapter, full: loadModel }[strategy](result.outputDir);
    expect('tensors' in written ? written.tensors.size : written.weights.size).toBe(
      { lora: 2 * 7 * 2, full: 20 }[strategy],
    );
    expect((await readdir(folder)).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  // Step 6 ends the first epoch (its validation is due), 3 is a checkpoint, 7 is neither.
  it.each([1, 6, 7])('stopped after step %i and resumed gives the same bits', async (after) => {
    const interrupted = spec(`${strategy}-stopped-${after}`, { strategy });
    const before = await abortedRun(interrupted, after);
    const reports: StepReport[] = [];
    const result = await trainModel(interrupted, { onStep: (report) => reports.push(report) });
    expect(result.resumedFrom).toBe(after);
    expect([...before, ...reports].map((report) => report.step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    const { milliseconds: _, resumedFrom: _from, outputDir: _dir, ...outcome } = result;
    expect(await undisturbed()).toMatchObject(outcome);
  });

  it('falls back to an older checkpoint when the newest is damaged', async () => {
    const interrupted = spec(`${strategy}-damaged`, { strategy });
    await abortedRun(interrupted, 7);
    const [run] = await readdir(interrupted.checkpointDir);
    const newest = join(interrupted.checkpointDir, run!, 'step-00000007', 'tensors.safetensors');
    const bytes = await readFile(newest);
    bytes[bytes.length - 5]! ^= 1;
    await writeFile(newest, bytes);
    const result = await trainModel(interrupted);
    expect(result.resumedFrom).toBe(6);
    expect(result.sha256).toBe((await undisturbed()).sha256);
  });
});

it('gives the same bits with graphs of its own and with more threads', async () => {
  const shared = await trainModel(spec('lora-whole'));
  const own = await train(spec('own-graphs'), {}, { threads: 2 });
  expect(own.sha256).toBe(shared.sha256);
});

it('does not repeat a finished run, but does when its weights were changed', async () => {
  const first = await trainModel(spec('done'));
  let steps = 0;
  expect(await trainModel(spec('done'), { onStep: () => steps++ })).toEqual(first);
  expect(steps).toBe(0);
  await appendFile(join(first.outputDir, 'adapter_model.safetensors'), 'x');
  expect((await trainModel(spec('done'), { onStep: () => steps++ })).sha256).toBe(first.sha256);
});

it('does not continue the checkpoint of another spec', async () => {
  const interrupted = spec('other');
  await abortedRun(interrupted, 4);
  const result = await trainModel({ ...interrupted, seed: 8 });
  expect(result.resumedFrom).toBeNull();
  expect((await trainModel(interrupted)).resumedFrom).toBe(4);
});

it('W2: writes nothing more once it has been taken over, and its checkpoint serves the run that took over', async () => {
  const of = spec('fenced', { strategy: 'lora' });
  const steps: number[] = [];
  let writes = 0;
  const fenced = trainModel(of, {
    onStep: ({ step }) => void steps.push(step),
    beforeWrite: async () => {
      writes += 1;
      if (writes > 1) throw new Error('taken over');
    },
  });
  await expect(fenced).rejects.toThrow('taken over');
  expect(steps.at(-1)).toBe(6);
  const files = await readdir(of.checkpointDir, { recursive: true });
  expect(files.filter((name) => /step-\d+$/.test(name))).toHaveLength(1);
  await expect(readdir(of.outputDir)).rejects.toThrow('ENOENT');
  const result = await trainModel(of);
  expect(result.resumedFrom).toBe(3);
  expect(result.sha256).toBe((await trainModel(spec('unfenced', { strategy: 'lora' }))).sha256);
});

it('tells of the checkpoint again that a run saved last and failed to tell of', async () => {
  const of = spec('untold');
  const saved: CheckpointReference[] = [];
  const untold = trainModel(of, {
    onCheckpoint(checkpoint) {
      saved.push(checkpoint);
      throw new Error('no space for the log');
    },
  });
  await expect(untold).rejects.toThrow('no space for the log');
  const told: CheckpointReference[] = [];
  await trainModel(of, { onCheckpoint: (checkpoint) => told.push(checkpoint) });
  expect(told[0]).toEqual(saved[0]);
  expect(told.map(({ step }) => step)).toEqual([3, 6, 9, 12]);
});

it('goes on from an adapter', async () => {
  const first = await trainModel(spec('done'));
  const parameters = { ...tinySpec(folder).parameters, learningRate: 1e-9 };
  const fresh = await trainModel(spec('fresh', { parameters }));
  const second = await trainModel(spec('continued', { parameters, initialAdapterDir: first.outputDir }));
  expect(second.validationLoss).toBeCloseTo(first.validationLoss!, 5);
  expect(fresh.validationLoss).toBeGreaterThan(first.validationLoss! + 0.1);
});

it('stores a saved embedding as the tied head, too, and goes on from it', async () => {
  const parameters = { ...tinySpec(folder).parameters, modulesToSave: ['embed_tokens'] };
  const { outputDir } = await trainModel(spec('embedding', { parameters }));
  const { tensors } = await readAdapter(outputDir);
  const [embedding, head] = ['model.embed_tokens', 'lm_head'].map((name) =>
    tensors.get(`base_model.model.${name}.weight`),
  );
  expect(head).toEqual(embedding);
  const next = await trainModel(spec('embedding-next', { parameters, initialAdapterDir: outputDir }));
  expect((await readAdapter(next.outputDir)).tensors.size).toBe(tensors.size);
});

it('stops when the validation no longer improves and keeps the best weights', async () => {
  const base = tinySpec(folder);
  const parameters = { ...base.parameters, learningRate: 0.3, numEpochs: 10 };
  const validations: { step: number; loss: number }[] = [];
  const result = await trainModel(spec('early', { patience: 1, parameters }), {
    onValidation: (validation) => validations.push(validation),
  });
  expect(validations.find(({ step }) => step === result.bestStep)?.loss).toBe(result.validationLoss);
  expect(validations.at(-1)?.step).toBe(result.steps);
  expect(result.stoppedEarly).toBe(true);
  expect(result.steps).toBe(result.bestStep + 6);
  const best = await trainModel(spec('best', { patience: undefined, validationFile: undefined, parameters }));
  expect(best.validationLoss).toBeNull();
  expect(best.bestStep).toBe(60);
  expect(best.sha256).not.toBe(result.sha256);
});

it('keeps the checkpoint of the best step, also of a run that goes on from another one', async () => {
  const { parameters, ...base } = tinySpec(folder);
  const of = (name: string) =>
    spec(name, {
      ...base,
      outputDir: join(folder, name),
      checkpointDir: join(folder, `${name}-checkpoints`),
      checkpointEverySteps: 2,
      validateEverySteps: 2,
      patience: 4,
      parameters: { ...parameters, learningRate: 0.3, numEpochs: 10 },
    });
  const folderOf = async (each: TrainSpec) =>
    join(
      each.checkpointDir,
      (await readdir(each.checkpointDir)).find((name) => name.startsWith('run-'))!,
    );
  const whole = await trainModel(of('best-kept'));
  expect(whole.stoppedEarly).toBe(true);
  expect(whole.bestStep).toBe(whole.steps - 8);
  const kept = [whole.bestStep, whole.steps - 2, whole.steps];
  const files = (await readdir(await folderOf(of('best-kept')))).filter((name) => name.startsWith('step-'));
  expect(files.map((name) => Number(name.slice(5))).sort((a, b) => a - b)).toEqual(kept);
  const best = await loadBestCheckpoint(await folderOf(of('best-kept')));
  expect(best?.step).toBe(whole.bestStep);
  const written = await readAdapter(whole.outputDir);
  for (const [name, { data }] of written.tensors) expect(best?.tensors.get(`parameter:${name}`)?.data).toEqual(data);

  // Ends between saving the best step and validating it.
  const saved = trainModel(of('best-later'), {
    onCheckpoint({ step }) {
      if (step === whole.bestStep) throw new Error('ends here');
    },
  });
  await expect(saved).rejects.toThrow('ends here');
  expect(await loadBestCheckpoint(await folderOf(of('best-later')))).not.toMatchObject({ step: whole.bestStep });
  const later = await trainModel(of('best-later'));
  expect(later).toMatchObject({ resumedFrom: whole.bestStep, sha256: whole.sha256 });
  expect((await loadBestCheckpoint(await folderOf(of('best-later'))))?.step).toBe(whole.bestStep);
});

it('takes the first epoch in the order of the file when asked, and shuffles otherwise', async () => {
  const losses = async (name: string, changes: Partial<TrainSpec>) => {
    const seen: number[] = [];
    const parameters = { ...tinySpec(folder).parameters, learningRate: 1e-9, loraDropout: 0, numEpochs: 1 };
    await trainModel(spec(name, { ...changes, parameters }), {
      onStep: ({ loss }) => seen.push(Number(loss.toFixed(4))),
    });
    return seen;
  };
  const inOrder = await losses('order-1', { shuffleFirstEpoch: false, seed: 1 });
  expect(await losses('order-2', { shuffleFirstEpoch: false, seed: 2 })).toEqual(inOrder);
  expect(await losses('order-3', { seed: 1 })).not.toEqual(await losses('order-4', { seed: 2 }));
});

it('counts rows whose prompt was cut and names a row that cannot fit', async () => {
  const word = (count: number) => Array(count).fill('a').join(' ');
  const file = join(folder, 'long.jsonl');
  await writeFile(file, jsonLines([...tinyRows(4), { id: 'long', prompt: word(40), completion: word(5) }]));
  expect((await trainModel(spec('cut', { trainFile: file }))).truncatedRows).toBe(1);
  await writeFile(file, jsonLines([{ id: 'too-long', prompt: 'a', completion: word(40) }]));
  await expect(trainModel(spec('refused', { trainFile: file }))).rejects.toMatchObject({
    code: 'E_DATA_INVALID',
    message: expect.stringMatching(/"too-long".*41 tokens.*32/),
  });
});

it('leaves out rows that cannot fit where it is asked to, names them, and trains as if they were not there', async () => {
  const rows = tinyRows(4);
  const [file, clean] = [join(folder, 'unfit.jsonl'), join(folder, 'clean.jsonl')];
  const tooLong = { id: 'too-long', prompt: 'a', completion: Array(40).fill('a').join(' ') };
  await writeFile(file, jsonLines([rows[0]!, tooLong, ...rows.slice(1)]));
  await writeFile(clean, jsonLines(rows));
  const leaveOut = { leaveOutUnfitRows: true };
  const result = await trainModel(spec('left-out', { trainFile: file, ...leaveOut }));
  expect(result.unfitRows).toEqual([
    { id: 'too-long', reason: expect.stringMatching(/^its completion has 41 tokens/) },
  ]);
  const undisturbed = await trainModel(spec('clean', { trainFile: clean, ...leaveOut }));
  expect(undisturbed.unfitRows).toBeUndefined();
  expect(result.sha256).toBe(undisturbed.sha256);
  await writeFile(file, jsonLines([tooLong]));
  await expect(trainModel(spec('all-left-out', { trainFile: file, ...leaveOut }))).rejects.toMatchObject({
    code: 'E_DATA_INVALID',
  });
});

it('stops a run that diverges and names the step', async () => {
  const parameters = { ...tinySpec(folder).parameters, learningRate: 1e30, warmupRatio: 0 };
  await expect(trainModel(spec('diverging', { parameters }))).rejects.toMatchObject({
    code: 'E_NUMERIC',
    message: expect.stringMatching(/^Step \d+:/),
  });
});

it('writes the full model with its type, tokenizer and finite weights', async () => {
  const { outputDir } = await trainModel(spec('full-files', { strategy: 'full' }));
  expect((await readdir(outputDir)).sort()).toEqual([
    'config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
    'training.json',
  ]);
  expect(JSON.parse(await readFile(join(outputDir, 'config.json'), 'utf8'))).toMatchObject({ dtype: 'float32' });
  const { tensors } = await readSafetensors(join(outputDir, 'model.safetensors'));
  for (const { data } of tensors.values()) expect((data as Float32Array).every(Number.isFinite)).toBe(true);
});
