import { fork } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import type { HostTensor, TrainSpec } from '../../../engine/api.js';
import { createLora, type LoraAdapter } from '../../../engine/peft/lora.js';
import { mergeLora, unmergeLora } from '../../../engine/peft/merge.js';
import { runEagerly } from '../../../engine/trace/index.js';
import { padRight } from '../../../engine/train/batch-plan.js';
import { evaluateForward, TrainStep } from '../../../engine/train/step.js';
import { trainModel } from '../../../engine/train/train-model.js';
import { TINY_CONFIG, tinySpec } from '../train/tiny-model.js';
import { MODEL_NAMES, tinyModel, writeModel } from './models.js';

const difference = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
};

describe.each(MODEL_NAMES)('a tiny %s', (name) => {
  const { config, weights } = tinyModel(name);
  const draws = stream(5, 'invariants');
  const rows = Array.from({ length: 6 }, (_, i) => ({
    id: String(i),
    promptLength: 2,
    tokens: Array.from({ length: 5 + draws.integer(8) }, () => draws.integer(TINY_CONFIG.vocab_size)),
  }));
  const batch = padRight(rows, 6, 64);
  const untrained = () =>
    createLora(config, { rank: 3, alpha: 6, dropout: 0, targetModules: 'all-linear' }, 1, weights);

  it('gives eagerly on the cpu backend what it gives compiled', async () => {
    const gradients = [...weights.keys()];
    const compiled = await evaluateForward({ config, weights }, batch, { gradients });
    const eager = await evaluateForward({ config, weights }, batch, {
      gradients,
      execute: (feeds, program) => runEagerly('cpu', feeds, program),
    });
    expect(difference(eager.logits, compiled.logits)).toBeLessThanOrEqual(1e-5);
    expect(Math.abs(eager.loss - compiled.loss)).toBeLessThanOrEqual(1e-5);
    for (const key of gradients)
      expect({ key, close: difference(eager.gradients.get(key)!, compiled.gradients.get(key)!) <= 1e-5 }).toEqual({
        key,
        close: true,
      });
  });

  it('gives the same logits with the adapter beside the weights, merged, and taken out again', async () => {
    const adapter = untrained();
    const step = new TrainStep({ config, weights, adapter, weightDecay: 0, maxGradientNorm: 1, threads: 1 });
    for (let i = 0; i < 4; i++) await step.step([batch], 0.02);
    await step.release();
    const trained: LoraAdapter = { ...adapter, tensors: new Map(step.trainables()) };
    const logitsOf = async (of: ReadonlyMap<string, HostTensor>, beside: LoraAdapter | null) =>
      (await evaluateForward({ config, weights: new Map(of), adapter: beside }, batch)).logits;
    const [base, beside] = [await logitsOf(weights, null), await logitsOf(weights, trained)];
    expect(difference(beside, base)).toBeGreaterThan(1e-2);
    const merged = mergeLora(weights, trained);
    expect(difference(await logitsOf(merged, null), beside)).toBeLessThanOrEqual(1e-5);
    expect(difference(await logitsOf(unmergeLora(merged, trained, weights), null), base)).toBeLessThanOrEqual(1e-5);
  });

  describe.each(['lora', 'full'] as const)('trained by strategy %s', (strategy) => {
    let folder: string;
    let undisturbed: string;
    const spec = (run: string): TrainSpec => {
      const plain = tinySpec(folder);
      return {
        ...plain,
        strategy,
        parameters: { ...plain.parameters, learningRate: 0.01 },
        outputDir: join(folder, run),
        checkpointDir: join(folder, `${run}-checkpoints`),
      };
    };
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ratchet-invariants-'));
      await writeModel(folder, name);
      undisturbed = (await trainModel(spec('undisturbed'), {}, { threads: 1 })).sha256;
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it('gives the same bits on two threads as on one', async () => {
      expect((await trainModel(spec('two-threads'), {}, { threads: 2 })).sha256).toBe(undisturbed);
    });

    it('gives the same bits when it was killed in the middle and started again', async () => {
      const killed = spec('killed');
      await writeFile(join(folder, 'spec.json'), JSON.stringify(killed));
      const reached = await killAfterStep(join(folder, 'spec.json'), 5);
      expect(reached).toBe(5);
      const result = await trainModel(killed, {}, { threads: 1 });
      expect(result.resumedFrom).toBe(3);
      expect(result.sha256).toBe(undisturbed);
    });
  });
});

/** Trains in a process of its own and kills it with SIGKILL after a step; returns the last step that it reported. */
function killAfterStep(specFile: string, step: number): Promise<number> {
  const script = fileURLToPath(new URL('train-in-child.ts', import.meta.url));
  const child = fork(script, [specFile], { execArgv: ['--import', import.meta.resolve('tsx')] });
  let last = 0;
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      last = message as number;
      if (last === step) child.kill('SIGKILL');
    });
    child.once('exit', (code, signal) =>
      signal === 'SIGKILL' ? resolve(last) : reject(new Error(`the child ended with ${code} after step ${last}`)),
    );
  });
}
