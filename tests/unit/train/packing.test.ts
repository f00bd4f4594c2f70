import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { planEpoch, padRight, type BatchPlan } from '../../../engine/train/batch-plan.js';
import { IGNORED } from '../../../engine/train/loss.js';
import { packRows } from '../../../engine/train/packing.js';
import { TrainStep } from '../../../engine/train/step.js';
import { trainModel } from '../../../engine/train/train-model.js';
import { TINY_CONFIG, tinySpec, tinyWeights, writeTinyModel } from './tiny-model.js';

const rowsOf = (lengths: readonly number[]) => {
  const draws = stream(4, 'packing-test');
  return lengths.map((length, i) => ({
    id: `${i}`,
    promptLength: draws.integer(Math.ceil(length / 2)),
    tokens: Array.from({ length }, () => draws.integer(TINY_CONFIG.vocab_size)),
  }));
};

describe('packed rows', () => {
  it('hold every token of every row once, apart from the padding, and no more sequences than rows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        (lengths, batch) => {
          const rows = rowsOf(lengths);
          const batches = packRows(rows, batch, 64);
          expect(batches.every((one) => one.batch <= batch)).toBe(true);
          const found = batches.flatMap(({ batch: count, time, inputIds, segments }) =>
            Array.from({ length: count }, (_, row) => {
              const parts: number[][] = [];
              for (let i = row * time; i < (row + 1) * time; i++)
                if (segments![i]! >= 0) (parts[segments![i]!] ??= []).push(inputIds[i]!);
              return parts;
            }).flat(),
          );
          const sorted = (lists: readonly number[][]) => lists.map((list) => list.join()).sort();
          expect(sorted(found)).toEqual(sorted(rows.map((row) => row.tokens)));
        },
      ),
    );
  });

  it('fill the room that long rows leave', () => {
    const [batch, ...others] = packRows(rowsOf([60, 8, 30, 5, 20, 3]), 8, 64);
    expect(others).toEqual([]);
    expect([batch!.batch, batch!.time]).toEqual([2, 64]);
  });

  it('never score the first token of a row', () => {
    const [batch] = packRows(
      [
        { id: 'a', promptLength: 0, tokens: [5, 6] },
        { id: 'b', promptLength: 0, tokens: [7, 8] },
      ],
      1,
      64,
    );
    expect(Array.from(batch!.labels).slice(0, 5)).toEqual([IGNORED, 6, IGNORED, 8, IGNORED]);
  });
});

describe.each([
  ['Llama', TINY_CONFIG],
  [
    'a sliding window',
    { ...TINY_CONFIG, model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: 5 },
  ],
])('training %s on packed rows', (_, configuration) => {
  it('T10: has the loss and gradients of padded rows', async () => {
    const config = parseModelConfig('tiny', JSON.stringify(configuration));
    const rows = rowsOf([31, 9, 17, 4, 12, 6, 2]);
    const trainer = () =>
      new TrainStep({
        config,
        weights: tinyWeights(),
        adapter: null,
        weightDecay: 0,
        maxGradientNorm: 1e9,
        optimizer: { name: 'sgd', momentum: 0 },
        threads: 1,
      });
    const before = trainer();
    const [padded, packed] = [trainer(), trainer()];
    const a = await padded.step([padRight(rows, rows.length, 64)], 1);
    const b = await packed.step(packRows(rows, 2, 64), 1);
    expect(b.tokens).toBe(a.tokens);
    expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-5);
    // Plain gradient descent with learning rate 1: the change of a weight is its gradient.
    for (const [name, { data }] of padded.trainables()) {
      const [other, start] = [packed, before].map((one) => one.trainables().get(name)!.data as Float32Array);
      const size = Math.max(...Array.from(data as Float32Array, (value, i) => Math.abs(value - start![i]!)));
      const apart = Math.max(...Array.from(data as Float32Array, (value, i) => Math.abs(value - other![i]!)));
      expect(size).toBeGreaterThan(0);
      expect(apart).toBeLessThan(1e-5 * Math.max(1, size));
    }
    await Promise.all([before, padded, packed].map((one) => one.release()));
  });
});

describe('an epoch', () => {
  const plan: BatchPlan = { seed: 1, batchSize: 4, accumulation: 2, shuffleFirstEpoch: true, maxPositions: 64 };
  const rows = rowsOf(Array.from({ length: 64 }, (_, i) => 1 + ((i * 7) % 60)));
  const padding = (steps: ReturnType<typeof planEpoch>) =>
    steps
      .flat()
      .reduce((sum, { attentionMask }) => sum + Array.from(attentionMask).filter((mask) => mask === 0).length, 0);

  it('takes as many steps packed as padded, with less padding', () => {
    const [padded, packed] = [planEpoch(rows, plan, 1), planEpoch(rows, { ...plan, packing: true }, 1)];
    expect(packed).toHaveLength(padded.length);
    expect(padding(packed)).toBeLessThan(padding(padded) / 2);
  });

  it('groups steps by length when asked to, and draws their order', () => {
    const lengths = planEpoch(rows, { ...plan, lengthGrouping: true }, 1).map((step) =>
      Math.max(...step.map(({ time }) => time)),
    );
    expect(lengths).not.toEqual(lengths.toSorted((a, b) => a - b));
    expect(padding(planEpoch(rows, { ...plan, lengthGrouping: true }, 1))).toBeLessThan(
      padding(planEpoch(rows, plan, 1)),
    );
    expect(planEpoch(rows, { ...plan, lengthGrouping: true }, 1)).toEqual(
      planEpoch(rows, { ...plan, lengthGrouping: true }, 1),
    );
  });
});

describe('a run', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-packing-'));
    await writeTinyModel(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const spec = (name: string, changes: object) => {
    const base = tinySpec(folder);
    const parameters = { ...base.parameters, loraDropout: 0, ...changes };
    return { ...base, parameters, outputDir: join(folder, name), checkpointDir: join(folder, `${name}-checkpoints`) };
  };

  it('learns the same packed as padded', async () => {
    const losses = async (name: string, changes: object) => {
      const seen: number[] = [];
      await trainModel(spec(name, changes), { onStep: ({ loss }) => seen.push(loss) }, { threads: 1 });
      return seen;
    };
    const [padded, packed] = [await losses('padded', {}), await losses('packed', { packing: true })];
    expect(packed).toHaveLength(padded.length);
    packed.forEach((loss, i) => expect(Math.abs(loss - padded[i]!)).toBeLessThan(1e-4));
  });

  it('refuses to pack where micro-batches are averaged', async () => {
    await expect(trainModel(spec('mean', { packing: true, accumulation: 'mean' }))).rejects.toMatchObject({
      code: 'E_CONFIG_INVALID',
      message: expect.stringContaining('packing'),
    });
  });
});
