import path from 'node:path';
import type { ArtifactRef } from '../config/domain.js';
import { LoopConfig } from '../config/loop.js';
import { RatchetConfig } from '../config/schema.js';
import { writeRows } from '../activities/artifacts.js';
import { formatPrompt, generateTasks } from '../datasets/index.js';
import type { TrainingRow } from '../engine/index.js';
import { defaultParameters } from '../learning/tuning/search-space.js';
import { connectClient } from '../workers/connection.js';
import { up } from '../workers/supervisor.js';
import { trainingWorkflowId } from '../workflows/identifiers.js';
import type { trainAdapter, TrainAdapterResult } from '../workflows/train-adapter.js';

/** A training through the real workers, without a loop around it. */
interface SharedTrainingOptions {
  /** Part of the workflow's id and of the folder. */
  name: string;
  seed: number;
  /** Of `loop.training`. */
  training: object;
  train: TrainingRow[];
  validation: TrainingRow[];
}

export interface TrainingWorkers {
  train(options: SharedTrainingOptions): Promise<TrainAdapterResult>;
  processes(): { name: string; pid: number; restarts: number }[];
}

/** Requests of the synthetic tasks with their references: training rows of the target distribution. */
export function taskRows(seed: number, split: 'pool' | 'validation', count: number): TrainingRow[] {
  return generateTasks({ seed, purpose: `data-parallel-${split}`, count, distribution: 'target', split }).map(
    ({ id, artifactType, specification, reference }) => ({
      id,
      prompt: formatPrompt(artifactType, specification),
      completion: reference,
    }),
  );
}

/** Runs `body` with a Temporal server, a store, a cpu and some gpu workers, each a process of its own. */
export async function withTrainingWorkers(
  options: { dataFolder: string; gpuWorkers: number; workers: string; heartbeatTimeoutSeconds: number },
  body: (workers: TrainingWorkers) => Promise<void>,
): Promise<void> {
  const { dataFolder, gpuWorkers, workers, heartbeatTimeoutSeconds } = options;
  const config = RatchetConfig.parse({ workers: { gpuWorkers, heartbeatTimeoutSeconds } });
  const gpu = Array.from({ length: gpuWorkers }, (_, place) => ({
    name: `gpu-worker-${place + 1}`,
    script: 'gpu-worker',
  }));
  const others = ['store-worker', 'cpu-worker'].map((name) => ({ name, script: name }));
  const running = await up({
    config,
    dataFolder,
    anyPort: true,
    workers: [...others, ...gpu].map(({ name, script }) => ({ name, script: path.join(workers, `${script}.js`) })),
  });
  const client = await connectClient(config, running.address);
  const { store, cpu, gpu: gpuQueue } = config.taskQueues;
  const settings = { queues: { store, cpu, gpu: gpuQueue }, heartbeatTimeoutSeconds };
  const write = (name: string, rows: TrainingRow[]): Promise<ArtifactRef> =>
    writeRows(dataFolder, `loops/${name}/round-1/rows.jsonl`, rows);
  try {
    await body({
      processes: () => running.processes(),
      async train({ name, seed, training, train, validation }) {
        const loop = LoopConfig.parse({ name, seed, training, components: { tracking: false } });
        return client.workflow.execute<typeof trainAdapter>('trainAdapter', {
          taskQueue: config.taskQueues.loop,
          workflowId: trainingWorkflowId(name, 1),
          args: [
            {
              key: { loop: name, round: 1 },
              config: loop,
              settings,
              planRef: await write(name, train),
              validationRef: validation.length === 0 ? null : await write(`${name}-validation`, validation),
              parameters: defaultParameters(loop.training),
              initialModel: null,
            },
          ],
        });
      },
    });
  } finally {
    await client.connection.close();
    await running.stop();
  }
}
