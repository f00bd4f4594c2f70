import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { taskRows, withTrainingWorkers, type TrainingWorkers } from '../../bench/shared-training.js';
import type { TrainAdapterResult } from '../../workflows/train-adapter.js';
import { until } from '../workflow/environment.js';

const workers = fileURLToPath(new URL('../../dist/workers', import.meta.url));
const rows = { train: taskRows(1, 'pool', 48), validation: taskRows(1, 'validation', 12) };
const training = {
  numEpochs: 2,
  batchSize: 4,
  gradientAccumulationSteps: 1,
  learningRate: 2e-3,
  checkpointEverySteps: 3,
  dataParallel: { workers: 2, localSteps: 6, outer: { kind: 'nesterov', learningRate: 0.7, momentum: 0.9 } },
};

/** One shared training in a data folder of its own; `meanwhile` runs beside it. */
async function play(
  gpuWorkers: number,
  meanwhile: (folder: string, workers: TrainingWorkers) => Promise<unknown> = async () => undefined,
): Promise<TrainAdapterResult> {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-parallel-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 }));
  let result: TrainAdapterResult | undefined;
  await withTrainingWorkers({ dataFolder, gpuWorkers, workers, heartbeatTimeoutSeconds: 5 }, async (running) => {
    const trained = running.train({ name: 'shared', seed: 5, training, ...rows });
    [result] = await Promise.all([trained, meanwhile(path.join(dataFolder, 'loops/shared/round-1'), running)]);
  });
  return result!;
}

/** Both folders of a round of local steps in which each worker is busy with its shard; null when there is none now. */
function busyRound(round: string): string[] | null {
  const name = existsSync(round) ? readdirSync(round).find((entry) => entry.startsWith('parallel-')) : undefined;
  if (name === undefined) return null;
  const rounds = readdirSync(path.join(round, name)).filter((entry) => /^outer-[1-9]$/.test(entry));
  const shards = rounds.map((outer) => [0, 1].map((shard) => path.join(round, name, outer, `shard-${shard}`)));
  return shards.find((folders) => folders.every(isMidway)) ?? null;
}

function isMidway(folder: string): boolean {
  const log = path.join(folder, 'log.jsonl');
  return existsSync(log) && readFileSync(log, 'utf8').includes('"step"') && !existsSync(path.join(folder, 'model'));
}

it('W2: a worker that is killed in the middle of a round of a shared training changes nothing in the result', async () => {
  const undisturbed = await play(1);
  expect(undisturbed.run).toMatchObject({ steps: 24, stoppedEarly: false });
  let attempts = 0;
  const disturbed = await play(2, async (round, { processes }) => {
    let busy: string[] | null = null;
    await until('both workers are in the middle of their steps', () => (busy = busyRound(round)) !== null);
    const { pid } = processes().find(({ name }) => name === 'gpu-worker-1')!;
    process.kill(pid, 'SIGKILL');
    await until('the lost shard was started again', () => {
      const claims = busy!.map((folder) => readdirSync(folder).filter((file) => file.startsWith('fence-')).length);
      attempts = Math.max(...claims);
      return attempts > 1;
    });
  });
  expect(attempts).toBe(2);
  expect(disturbed.model).toEqual(undisturbed.model);
  expect(disturbed.run).toEqual(undisturbed.run);
});
