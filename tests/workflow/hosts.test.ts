import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRows, writeRows } from '../../activities/artifacts.js';
import { createCpuActivities, createGpuActivities } from '../../activities/index.js';
import { LoopConfig } from '../../config/loop.js';
import { RatchetConfig } from '../../config/schema.js';
import { createEngine, type Engine } from '../../engine/index.js';
import { defaultParameters } from '../../learning/tuning/search-space.js';
import { interceptActivity } from '../../workers/activity-interceptor.js';
import { ArtifactExchange } from '../../workers/storage/exchange.js';
import { openStorage } from '../../workers/storage/open-storage.js';
import type { trainAdapter, TrainAdapterResult } from '../../workflows/train-adapter.js';
import { startS3Server, type S3Server } from '../contract/s3-server.js';
import { tinyRows, writeTinyModel } from '../unit/train/tiny-model.js';
import { startEnvironment, workflowBundle } from './environment.js';

let environment: TestWorkflowEnvironment;
let root: string;
let bucket: S3Server;
const engines: Engine[] = [];
const variables = { ...process.env };

beforeAll(async () => {
  environment = await startEnvironment();
  root = mkdtempSync(path.join(tmpdir(), 'ratchet-hosts-'));
  await writeTinyModel(root);
  bucket = await startS3Server('secret');
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'secret' });
});
afterAll(async () => {
  process.env = variables;
  for (const engine of engines) await engine.close();
  await bucket.close();
  await environment.teardown();
  rmSync(root, { recursive: true, force: true });
});

const folderOf = (host: string) => path.join(root, host);

async function exchangeOf(host: string): Promise<ArtifactExchange> {
  const s3 = { bucket: 'artifacts', endpoint: bucket.endpoint, pathStyle: true };
  const storage = await openStorage(RatchetConfig.parse({ storage: { kind: 's3', s3 } }).storage);
  return new ArtifactExchange(folderOf(host), storage!);
}

/** Trains with a cpu worker on the first host and a gpu worker on each of the others. */
async function train(name: string, cpuHost: string, gpuHosts: string[]): Promise<TrainAdapterResult> {
  const { nativeConnection: connection, namespace, client } = environment;
  const queue = (kind: string) => `${kind}-${name}`;
  // Two workers of one process on one queue need connections of their own.
  const connections: NativeConnection[] = [];
  const worker = async (kind: string, host: string, activities: object) => {
    const own = await NativeConnection.connect({ address: environment.address });
    connections.push(own);
    return Worker.create({
      connection: own,
      namespace,
      taskQueue: queue(kind),
      activities,
      maxConcurrentActivityTaskExecutions: 1,
      interceptors: { activity: [interceptActivity(200), (await exchangeOf(host)).intercept] },
    });
  };
  const gpu = gpuHosts.map((host) => {
    const engine = createEngine({ threads: 1 });
    engines.push(engine);
    return worker('gpu', host, createGpuActivities({ dataFolder: folderOf(host), engine }));
  });
  const workers = await Promise.all([
    Worker.create({ connection, namespace, taskQueue: queue('loop'), workflowBundle }),
    worker('cpu', cpuHost, createCpuActivities({ dataFolder: folderOf(cpuHost) })),
    ...gpu,
  ]);
  const running = workers.map((each) => each.run());
  const planRef = await writeRows(folderOf(cpuHost), 'loops/tiny/rows.jsonl', tinyRows(24));
  await (await exchangeOf(cpuHost)).publish(planRef);
  const config = LoopConfig.parse({
    name: 'tiny',
    model: path.join(root, 'model'),
    components: { tracking: false },
    training: {
      batchSize: 2,
      gradientAccumulationSteps: 2,
      numEpochs: 2,
      maxLength: 32,
      learningRate: 0.01,
      dataParallel: { workers: 2, localSteps: 3 },
    },
  });
  try {
    return await client.workflow.execute<typeof trainAdapter>('trainAdapter', {
      workflowId: `train-${name}`,
      taskQueue: queue('loop'),
      args: [
        {
          key: { loop: 'tiny', round: 1 },
          config,
          settings: {
            queues: { store: queue('store'), cpu: queue('cpu'), gpu: queue('gpu') },
            heartbeatTimeoutSeconds: 5,
          },
          planRef,
          validationRef: planRef,
          parameters: defaultParameters(config.training),
          initialModel: null,
        },
      ],
    });
  } finally {
    for (const each of workers) each.shutdown();
    await Promise.all(running);
    for (const each of connections) await each.close();
  }
}

it('W2: hosts that share nothing but a bucket train one adapter, with the bits of a single host', async () => {
  const alone = await train('alone', 'one', ['one']);
  expect(alone.run).toMatchObject({ steps: 12, bestStep: 12 });
  const together = await train('together', 'cpu', ['gpu-a', 'gpu-b']);
  expect(together.model).toEqual(alone.model);
  expect(together.run).toEqual(alone.run);
  for (const host of ['gpu-a', 'gpu-b']) {
    const round = path.join(folderOf(host), 'loops/tiny/round-1');
    expect(readdirSync(round).some((entry) => entry.startsWith('parallel-'))).toBe(true);
  }
  expect(existsSync(path.join(folderOf('cpu'), together.model.path, 'adapter_model.safetensors'))).toBe(true);
  // Six updates an epoch by both workers: twelve steps and an entry for each average.
  const log = await readRows<{ kind: string }>(folderOf('cpu'), together.logRef);
  expect(log.filter(({ kind }) => kind === 'step')).toHaveLength(12);
  expect(log.filter(({ kind }) => kind === 'checkpoint')).toHaveLength(4);
});
