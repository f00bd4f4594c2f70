import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createBatchingActivities } from '../../../activities/batching.js';
import { RoundFiles } from '../../../activities/dependencies.js';
import { createTrainingCpuActivities } from '../../../activities/training.js';
import { LoopConfig } from '../../../config/loop.js';
import type { TrainingRow } from '../../../learning/training/plan-training.js';
import { example } from '../learning/events.js';

/** Round 2 of a loop that held out one of thirty examples in round 1 and one of thirty in round 2. */
async function plan(holdOut: 'newest' | 'fixed', reward = {}) {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-hold-out-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const files = new RoundFiles(dataFolder);
  const key = { loop: 'main', round: 2 };
  const config = LoopConfig.parse({ tracking: { holdOut }, reward });
  const rows = (round: number) =>
    Array.from({ length: 30 }, (_, place) => {
      const id = `${round}-${place}`;
      const ts = `2026-01-0${round}T00:00:00Z`;
      return example({ id, eventId: id, ts, input: `request ${id}`, split: place === 0 ? 'validation' : 'train' });
    });
  const earlierExamplesRef = await files.write({ ...key, round: 1 }, 'examples', rows(1));
  const input = { key, config, earlierExamplesRef, examplesRef: await files.write(key, 'examples', rows(2)) };
  const curriculum = { stage: 'mixed' as const, streak: 0, history: [] };
  const { batchesRef } = await createBatchingActivities({ dataFolder }).assembleBatches({ ...input, curriculum });
  const { planRef, validationRef } = await createTrainingCpuActivities({ dataFolder }).planTraining({
    ...input,
    batchesRef,
    parameters: { ...config.training, batchSize: 4 },
    champion: null,
  });
  const ids = async (ref: typeof planRef) => (await files.read<TrainingRow>(ref)).map((row) => row.id);
  const weights = new Map((await files.read<TrainingRow>(planRef)).map((row) => [row.id, row.weight]));
  return { train: await ids(planRef), validation: await ids(validationRef!), weights };
}

it('R4: what validated a round trains from the next one on, and what validates has never trained', async () => {
  const { train, validation } = await plan('newest');
  expect(train).toContain('1-0');
  expect(validation).toEqual(['2-0']);
  expect(train).not.toContain('2-0');
});

it('R4: a fixed hold-out never trains', async () => {
  const { train, validation } = await plan('fixed');
  expect(train).not.toContain('1-0');
  expect(validation).toEqual(['1-0', '2-0']);
});

it('R1: rows weigh what their feedback counts where that is asked for, and nothing otherwise', async () => {
  expect(new Set((await plan('newest')).weights.values())).toEqual(new Set([undefined]));
  const { weights } = await plan('newest', { weighExamples: true, timeDecayRate: 0.5 });
  expect(weights.get('2-1')).toBeGreaterThan(0);
  expect(weights.get('1-1')! / weights.get('2-1')!).toBeCloseTo(0.5, 12);
});
