import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { ServiceError, type Client } from '@temporalio/client';
import { workflowSettings } from '../../apps/cli/loop-client.js';
import { LoopConfig } from '../../config/loop.js';
import { RatchetConfig } from '../../config/schema.js';
import { SMALL_LOOP } from '../../workers/chaos/small-loop.js';
import { connectClient } from '../../workers/connection.js';
import { up, type Running } from '../../workers/supervisor.js';
import { loopWorkflowId, roundWorkflowId, trainingWorkflowId } from '../../workflows/identifiers.js';
import type { runAdaptiveLoop } from '../../workflows/run-adaptive-loop.js';
import { bulkEvent, importBulk } from '../bulk-feedback.js';
import type { LoopSample, Sample } from './drift.js';

export interface SoakOptions {
  minutes: number;
  dataFolder: string;
  /** Folder of the compiled workers. */
  workers: string;
  signal?: AbortSignal;
  onLoop?(loop: LoopSample, processes: Sample[]): void;
}

const ROUNDS = 2;
const MOST_QUESTIONS = 10;
const WORKERS = ['store-worker', 'cpu-worker', 'gpu-worker'];

/** Stored before the first loop: with an empty store one would measure how its first pages fill DuckDB's cache. */
const FILES = 26;
const EVENTS_PER_FILE = 50_000;

/** The chaos runs' loop with fewer requests, every stage in a few seconds, and the least memory for DuckDB's cache. */
const config = RatchetConfig.parse({
  ...SMALL_LOOP,
  workers: { ...SMALL_LOOP.workers, storeMemoryMegabytes: 128 },
  loop: {
    ...SMALL_LOOP.loop,
    rounds: ROUNDS,
    selection: { budget: 12 },
    batching: { min: 4 },
    simulatedUsers: { requests: 20, testSpecifications: 10 },
    training: { ...SMALL_LOOP.loop.training, numEpochs: 1 },
  },
});

/** Runs small loops, one after the other, on one set of workers; between two of them it looks at the processes. */
export async function runSoak(options: SoakOptions): Promise<{ processes: Sample[]; loops: LoopSample[] }> {
  const { dataFolder, workers } = options;
  const running = await up({
    config,
    dataFolder,
    anyPort: true,
    workers: WORKERS.map((name) => ({ name, script: path.join(workers, `${name}.js`) })),
  });
  const client = await connectClient(config, running.address);
  const processes: Sample[] = [];
  const loops: LoopSample[] = [];
  try {
    for (let file = 0; file < FILES && options.signal?.aborted !== true; file++) {
      const events = Array.from({ length: EVENTS_PER_FILE }, (_, place) =>
        bulkEvent(1, file * EVENTS_PER_FILE + place),
      );
      await importBulk({ client, config, dataFolder }, 'before', `events-${file}.jsonl`, events);
    }
    const started = performance.now();
    const minutes = () => (performance.now() - started) / 60_000;
    while (minutes() < options.minutes && options.signal?.aborted !== true) {
      const begun = performance.now();
      const name = `soak-${randomUUID()}`;
      await Promise.race([playLoop(client, name), running.failed]);
      const historyLength = await longestHistory(client, name);
      await rm(path.join(dataFolder, 'loops', name), { recursive: true, force: true });
      const seen = lookAt(running, minutes());
      const loop = { minutes: minutes(), seconds: (performance.now() - begun) / 1000, historyLength };
      processes.push(...seen);
      loops.push(loop);
      options.onLoop?.(loop, seen);
    }
    return { processes, loops };
  } finally {
    await client.connection.close();
    await running.stop();
  }
}

async function playLoop(client: Client, name: string): Promise<void> {
  const loop = await client.workflow.start<typeof runAdaptiveLoop>('runAdaptiveLoop', {
    taskQueue: config.taskQueues.loop,
    workflowId: loopWorkflowId(name),
    args: [
      {
        config: LoopConfig.parse({ ...config.loop, name }),
        settings: workflowSettings(config),
      },
    ],
  });
  await patiently(() => loop.result());
}

function longestHistory(client: Client, name: string): Promise<number> {
  const ids = [loopWorkflowId(name), roundWorkflowId(name, ROUNDS), trainingWorkflowId(name, ROUNDS)];
  return patiently(async () => {
    const found = await Promise.all(ids.map((id) => client.workflow.getHandle(id).describe()));
    return Math.max(...found.map(({ historyLength }) => historyLength));
  });
}

/** Asks again when the server of a busy machine missed a deadline. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let asked = 1; ; asked++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ServiceError) || asked === MOST_QUESTIONS) throw error;
    }
  }
}

function lookAt(running: Running, minutes: number): Sample[] {
  const own = { name: 'supervisor', pid: process.pid };
  return [own, ...running.processes()].map(({ name, pid }) => ({
    minutes,
    name,
    pid,
    rss: residentBytes(pid),
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
  }));
}

function residentBytes(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
