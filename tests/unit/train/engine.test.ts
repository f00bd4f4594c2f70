import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RatchetError } from '../../../config/errors.js';
import { writeSafetensors } from '../../../engine/formats/safetensors.js';
import { createEngine } from '../../../engine/index.js';
import type { TrainSpec, TrainWarning } from '../../../engine/api.js';
import { fromFault, toFault } from '../../../engine/worker/messages.js';
import { randomModel } from '../nn/random-weights.js';
import { jsonLines, tinyRows, tinySpec, writeTinyModel } from './tiny-model.js';

let folder: string;
const engine = createEngine({ threads: 1 });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-engine-'));
  await writeTinyModel(folder);
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const spec = (name: string): TrainSpec => ({
  ...tinySpec(folder),
  outputDir: join(folder, name),
  checkpointDir: join(folder, `${name}-checkpoints`),
});

it('trains in its thread, reports every step and leaves the event loop free', async () => {
  const steps: number[] = [];
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const result = await engine.train(spec('a'), { onStep: (report) => steps.push(report.step) });
  clearInterval(timer);
  expect(steps).toEqual(Array.from({ length: result.steps }, (_, i) => i + 1));
  expect(ticks).toBeGreaterThan(result.steps);
});

it('rejects an aborted job with the reason and goes on with the next one', async () => {
  const controller = new AbortController();
  const checkpoints: number[] = [];
  const aborted = engine.train(spec('b'), {
    signal: controller.signal,
    onStep: ({ step }) => step === 2 && controller.abort(new Error('enough')),
    onCheckpoint: ({ step }) => checkpoints.push(step),
  });
  await expect(aborted).rejects.toThrow('enough');
  expect(checkpoints.at(-1)).toBeGreaterThanOrEqual(2);
  const resumed = await engine.train(spec('b'));
  expect(resumed.resumedFrom).toBe(checkpoints.at(-1));
  expect(resumed.sha256).toBe((await engine.train(spec('a'))).sha256);
});

it.skipIf(platform() !== 'linux')(
  'generates on as many threads as it was given (skipped: only Linux counts them)',
  async () => {
    const shape = { model_type: 'gpt2', vocab_size: 16, n_embd: 256, n_head: 4, n_layer: 6, n_positions: 64 };
    const modelDir = join(folder, 'large');
    await cp(join(folder, 'model'), modelDir, { recursive: true });
    await writeFile(join(modelDir, 'config.json'), JSON.stringify(shape));
    await writeSafetensors(join(modelDir, 'model.safetensors'), randomModel(shape, { scale: 0.05 }).weights);
    const threadsWith = async (threads: number) => {
      const own = createEngine({ threads });
      let most = 0;
      const count = () => (most = Math.max(most, readdirSync('/proc/self/task').length));
      const timer = setInterval(count, 1);
      try {
        await own.generate({
          modelDir,
          adapterDir: null,
          prompts: ['a b'],
          maxNewTokens: 20,
          temperature: 0,
          endIds: [],
        });
        return most;
      } finally {
        clearInterval(timer);
        await own.close();
      }
    };
    const one = await threadsWith(1);
    // Each compiled graph has threads of its own.
    expect(await threadsWith(9)).toBeGreaterThanOrEqual(one + 8);
  },
);

it('W1: tells a fault of the program, which no other attempt can mend, from one that may pass', async () => {
  const broken = { ...spec('broken'), parameters: undefined } as unknown as TrainSpec;
  await expect(engine.train(broken)).rejects.toMatchObject({ code: 'E_INTERNAL', retryable: false });
  const hooks = { beforeWrite: () => Promise.reject(new Error('the line is down')) };
  await expect(engine.train(spec('asked'), hooks)).rejects.toMatchObject({ code: 'E_INTERNAL', retryable: true });
});

it('W1: memory that runs out in V8 is no fault of the program', () => {
  let thrown: unknown = null;
  try {
    void new ArrayBuffer(2 ** 45);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(RangeError);
  expect(fromFault(toFault(thrown))).toMatchObject({ code: 'E_OUT_OF_MEMORY' });
});

it('W2: asks before it writes, and leaves everything as it is when it may not', async () => {
  let asked = 0;
  const refused = engine.train(spec('fenced'), {
    beforeWrite: async () => {
      asked += 1;
      if (asked > 1) throw new RatchetError('E_LOCKED', 'another attempt writes here', { retryable: false });
    },
  });
  await expect(refused).rejects.toMatchObject({ code: 'E_LOCKED', retryable: false });
  // The checkpoint of step 3 was allowed, that of step 6 was not.
  const [kept] = await readdir(join(folder, 'fenced-checkpoints'));
  expect(await readdir(join(folder, 'fenced-checkpoints', kept!))).toEqual(['step-00000003']);
  expect(existsSync(join(folder, 'fenced'))).toBe(false);
  expect((await engine.train(spec('fenced'), { beforeWrite: async () => undefined })).resumedFrom).toBe(3);
});

it('N5: passes the warning of a run that memorises its rows on', async () => {
  const trainFile = join(folder, 'few.jsonl');
  await writeFile(trainFile, jsonLines(tinyRows(4)));
  const base = spec('memorised');
  const parameters = {
    ...base.parameters,
    numEpochs: 40,
    learningRate: 0.03,
    schedule: 'constant' as const,
    warmupRatio: 0,
  };
  const warnings: TrainWarning[] = [];
  const result = await engine.train(
    { ...base, trainFile, strategy: 'full', patience: undefined, parameters },
    { onWarning: (warning) => warnings.push(warning) },
  );
  expect(warnings[0]).toMatchObject({ kind: 'overfit' });
  expect(result.warnings).toEqual(warnings);
});

it('passes faults on with their code and hint', async () => {
  await writeFile(join(folder, 'bad.jsonl'), '{"id":"1","prompt":"a"}\n');
  const bad = engine.train({ ...spec('c'), trainFile: join(folder, 'bad.jsonl') });
  await expect(bad).rejects.toMatchObject({ code: 'E_DATA_INVALID', message: expect.stringContaining('bad.jsonl:1') });
});

it('generates with the adapter it trained', async () => {
  await engine.train(spec('a'));
  const generate = (adapterDir: string | null) =>
    engine.generate({ modelDir: join(folder, 'model'), adapterDir, prompts: ['b c'], maxNewTokens: 4, temperature: 0 });
  const [trained] = await generate(join(folder, 'a'));
  expect(trained!.tokens.length).toBeGreaterThan(0);
  expect(trained).not.toEqual((await generate(null))[0]);
});
