import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ComputeMeter } from '../../../activities/claims/compute-meter.js';
import type { GenerateSpec, Generation, TrainSpec } from '../../../engine/api.js';
import {
  loadTokenizer,
  type ObjectiveSpec,
  readModelConfig,
  readSafetensors,
  targetModules,
} from '../../../engine/index.js';
import { ScriptedEngine } from '../../workflow/scripted-engine.js';

const MODEL = 'models/base';
const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-meter-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tokenizer = await loadTokenizer(MODEL);
const config = await readModelConfig(MODEL);
/** Numbers in the file itself. */
const parameters = [...(await readSafetensors(path.join(MODEL, 'model.safetensors'))).tensors.values()].reduce(
  (sum, { data }) => sum + data.length,
  0,
);
const RANK = 4;
const adapter = targetModules(config, 'all-linear').reduce(
  (sum, { inputs, outputs }) => sum + RANK * (inputs + outputs),
  0,
);

/** Writes three tokens whatever it is asked. */
class WritingEngine extends ScriptedEngine {
  override async generate({ prompts }: GenerateSpec): Promise<Generation[]> {
    const written = { text: '', tokens: [1, 2, 3], meanLogProbability: -1, meanEntropy: 0, finished: true };
    return prompts.map(() => written);
  }
}

function specOf(rows: object[], changes: Partial<TrainSpec> = {}): TrainSpec {
  const file = path.join(folder, `${Math.random()}.jsonl`);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return {
    modelDir: MODEL,
    strategy: 'lora',
    trainFile: file,
    outputDir: `${file}.out`,
    checkpointDir: `${file}.checkpoints`,
    checkpointEverySteps: 1,
    seed: 1,
    parameters: {
      learningRate: 1e-3,
      batchSize: 2,
      gradientAccumulationSteps: 1,
      numEpochs: 3,
      warmupRatio: 0,
      loraRank: RANK,
      loraAlpha: 8,
      loraDropout: 0,
      weightDecay: 0,
      maxGradientNorm: 1,
      maxLength: 256,
      targetModules: 'all-linear',
    },
    ...changes,
  };
}
const operationsOf = async (spec: TrainSpec): Promise<number> => {
  const meter = new ComputeMeter(new ScriptedEngine());
  await meter.train(spec);
  return meter.operations;
};
const texts = [
  { id: 'a', text: 'entity order has number and total' },
  { id: 'b', text: 'entity customer' },
];
// A text is learned with the end token behind it.
const tokens = texts.reduce((sum, { text }) => sum + tokenizer.encode(text).length + 1, 0);

it('counts two operations a parameter and token that is read or written', async () => {
  const asked = ['one order', 'two customers'];
  const read = asked.reduce((sum, text) => sum + tokenizer.encode(text).length, 0);
  const meter = new ComputeMeter(new WritingEngine());
  await meter.embed({ modelDir: MODEL, adapterDir: null, texts: asked });
  expect(meter.operations).toBe(2 * parameters * read);
  await meter.generate({ modelDir: MODEL, adapterDir: null, prompts: asked, maxNewTokens: 3, temperature: 0 });
  expect(meter.operations).toBe(2 * parameters * (read + read + 3 * asked.length));
});

it('counts six operations a parameter and token of full training, four of a frozen one', async () => {
  const full = await operationsOf(specOf(texts, { strategy: 'full' }));
  expect(full).toBe(3 * tokens * 6 * parameters);
  const lora = await operationsOf(specOf(texts));
  expect(lora).toBe(3 * tokens * (4 * parameters + 6 * adapter));
});

it('counts validations as reading, and the reference of pairs once', async () => {
  const alone = await operationsOf(specOf(texts));
  const validated = specOf(texts);
  const forward = 2 * (parameters + adapter);
  expect(await operationsOf({ ...validated, validationFile: validated.trainFile })).toBe(alone + 3 * tokens * forward);

  const pair = { id: 'a', prompt: 'one order', chosen: 'order', rejected: 'orders' };
  const objective = (kind: 'dpo' | 'simpo') => ({ objective: { kind } as ObjectiveSpec });
  const pairs = [pair, { ...pair, id: 'b' }];
  const [dpo, simpo] = [
    await operationsOf(specOf(pairs, objective('dpo'))),
    await operationsOf(specOf(pairs, objective('simpo'))),
  ];
  const step = 4 * parameters + 6 * adapter;
  const ofPairs = simpo / 3 / step;
  expect(Number.isInteger(ofPairs)).toBe(true);
  expect(dpo).toBe(simpo + ofPairs * forward);
});
