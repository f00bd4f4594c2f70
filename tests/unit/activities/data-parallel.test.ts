import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRows, writeRows } from '../../../activities/artifacts.js';
import { createDataParallelCpuActivities, type ShardResult } from '../../../activities/data-parallel.js';
import { fileSha256 } from '../../../engine/formats/file-sha256.js';
import type { ModelReference } from '../../../activities/loop-state.js';
import type { TrainingRecord } from '../../../activities/run-log.js';
import { LoopConfig } from '../../../config/loop.js';
import type { HostTensor } from '../../../engine/index.js';
import { parseAdapterConfig, readAdapter, writeAdapter } from '../../../engine/formats/peft.js';
import { planShards } from '../../../learning/training/plan-shards.js';
import { defaultParameters } from '../../../learning/tuning/search-space.js';

const NAME = 'base_model.model.layers.0.lora_A.weight';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-average-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function adapter(uri: string, values: number[]): Promise<ModelReference> {
  const config = parseAdapterConfig(
    'test',
    JSON.stringify({ peft_type: 'LORA', r: 1, lora_alpha: 2, lora_dropout: 0, target_modules: ['a'] }),
  );
  const data = Float32Array.from(values);
  const tensors = new Map<string, HostTensor>([[NAME, { dtype: 'float32', shape: [1, values.length], data }]]);
  await writeAdapter(path.join(folder, uri), { config, tensors });
  const sha256 = await fileSha256(path.join(folder, uri, 'adapter_model.safetensors'));
  return { id: uri, path: uri, sha256 };
}

const step = (number: number, loss: number, tokens: number): TrainingRecord => ({
  kind: 'step',
  step: number,
  totalSteps: 4,
  loss,
  tokens,
  gradientNorm: loss,
  learningRate: 1,
  milliseconds: 10 * loss,
});

async function shard(uri: string, values: number[], steps: TrainingRecord[]): Promise<ShardResult> {
  const logRef = await writeRows(folder, `${uri}.jsonl`, steps);
  return { model: await adapter(uri, values), logRef, validationLoss: null, truncatedRows: 0 };
}

async function shared(outer: object) {
  const config = LoopConfig.parse({ name: 'x', training: { dataParallel: { workers: 2, outer } } });
  const planRef = await writeRows(folder, 'plan.jsonl', [1, 2, 3]);
  const parameters = defaultParameters(config.training);
  return { key: { loop: 'x', round: 1 }, config, planRef, parameters, plan: planShards(3, 2, parameters) };
}

const weights = async ({ path: uri }: ModelReference) => [
  ...((await readAdapter(path.join(folder, uri))).tensors.get(NAME)!.data as Float32Array),
];

describe('averageShards', () => {
  const cpu = () => createDataParallelCpuActivities({ dataFolder: folder });
  const shards = (round: number) =>
    Promise.all([
      shard(`r${round}-a`, [2 * round, 0], [step(round, 1, 10), step(round + 1, 2, 10)]),
      shard(`r${round}-b`, [4 * round, 1], [step(round, 3, 30), step(round + 1, 4, 30)]),
    ]);

  it('W2: is the mean of the adapters, logs the steps once, and gives the same bits again', async () => {
    const input = {
      ...(await shared({ learningRate: 1 })),
      outer: 1,
      former: await adapter('start', [0, 0]),
      logRef: null,
      keep: null,
    };
    const averaged = await cpu().averageShards({ ...input, shards: await shards(1) });
    expect(await weights(averaged.model)).toEqual([3, 0.5]);
    expect(await readRows(folder, averaged.logRef)).toEqual([
      { ...step(1, 2.5, 40), gradientNorm: 2, milliseconds: 30 },
      { ...step(2, 3.5, 40), gradientNorm: 3, milliseconds: 40 },
      { kind: 'checkpoint', step: 2, path: averaged.model.path, sha256: averaged.model.sha256 },
    ]);
    expect(await cpu().averageShards({ ...input, shards: await shards(1) })).toEqual(averaged);
  });

  it('W2: keeps the momentum of the outer optimizer from round to round, and forgets what nobody needs', async () => {
    const all = await shared({ kind: 'nesterov', learningRate: 0.5, momentum: 0.5 });
    let former = await adapter('start', [0, 0]);
    let logRef = null;
    const seen: number[][] = [];
    const models: ModelReference[] = [];
    for (const outer of [1, 2, 3, 4]) {
      const next = await cpu().averageShards({ ...all, outer, former, logRef, keep: 2, shards: await shards(1) });
      ({ model: former, logRef } = next);
      models.push(former);
      seen.push(await weights(former));
    }
    // Δ = θ − 3; m ← m/2 + Δ; θ ← θ − (Δ + m/2)/2, in halves that float32 holds exactly.
    expect(seen.slice(0, 2).map(([first]) => first)).toEqual([2.25, 3.1875]);
    const there = models.map(({ path: uri }) => existsSync(path.join(folder, uri)));
    expect(there).toEqual([false, true, true, true]);
    const finished = await cpu().finishParallel({ ...all, model: former, outputName: 'x-round-1', logRef: logRef! });
    expect(finished.model.sha256).toBe(former.sha256);
    expect(await weights(finished.model)).toEqual(seen[3]);
  });

  it('D8: tells once of a row that no worker could train on', async () => {
    const all = await shared({ learningRate: 1 });
    const unfit: TrainingRecord = { kind: 'unfit-row', id: 'too-long', reason: 'its completion has 900 tokens' };
    let former = await adapter('start', [0, 0]);
    let logRef = null;
    for (const outer of [1, 2]) {
      const both = await Promise.all(
        ['a', 'b'].map((name) => shard(`unfit-${outer}-${name}`, [1, 1], [step(outer, 1, 10), unfit])),
      );
      ({ model: former, logRef } = await cpu().averageShards({
        ...all,
        outer,
        former,
        logRef,
        keep: null,
        shards: both,
      }));
    }
    const log = await readRows<TrainingRecord>(folder, logRef!);
    expect(log.filter(({ kind }) => kind === 'unfit-row')).toEqual([unfit]);
    expect(log.filter(({ kind }) => kind === 'step')).toHaveLength(2);
  });

  it('refuses an adapter that was changed', async () => {
    const changed = await shards(1);
    writeFileSync(path.join(folder, 'r1-b/adapter_model.safetensors'), 'other');
    const input = {
      ...(await shared({ learningRate: 1 })),
      outer: 1,
      former: await adapter('start', [0, 0]),
      logRef: null,
      keep: null,
    };
    await expect(cpu().averageShards({ ...input, shards: changed })).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
  });
});
