/**
 * What the durability costs: the share of a demo round that is spent on orchestration, and how long after `kill -9` of the
 * gpu worker the training goes on. Prints JSON.
 * Run: `npm run build && node dist/bench/orchestration.js`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config/load.js';
import type { RatchetConfig } from '../config/schema.js';
import { connectClient } from '../workers/connection.js';
import { up } from '../workers/supervisor.js';
import { readTimeline } from '../workers/trace/read-timeline.js';
import { loopWorkflowId } from '../workflows/identifiers.js';
import type { runAdaptiveLoop } from '../workflows/run-adaptive-loop.js';

const runFile = fileURLToPath(new URL('../../examples/demo.yaml', import.meta.url));
const { config } = await loadConfig({ runFile, overrides: { 'loop.rounds': 2 } });
const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-orchestration-'));
try {
  process.stdout.write(`${JSON.stringify(await measure(config))}\n`);
} finally {
  rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}

/** Plays two rounds: the first undisturbed, in the second the gpu worker is killed while it trains. */
async function measure({ loop, taskQueues, workers }: RatchetConfig): Promise<object> {
  const running = await up({ config, dataFolder, anyPort: true });
  const client = await connectClient(config, running.address);
  try {
    const ended = client.workflow.execute<typeof runAdaptiveLoop>('runAdaptiveLoop', {
      taskQueue: taskQueues.loop,
      workflowId: loopWorkflowId(loop.name),
      args: [
        { config: loop, settings: { queues: taskQueues, heartbeatTimeoutSeconds: workers.heartbeatTimeoutSeconds } },
      ],
    });
    const resumed = resumeSeconds(path.join(dataFolder, 'loops', loop.name, 'round-2'), running.processes);
    await Promise.race([ended, running.failed]);
    const timeline = await readTimeline(client, taskQueues, loop.name, 1, Date.now());
    const { workflow, time } = timeline!;
    const wall = workflow.endedAt! - workflow.startedAt;
    return {
      roundSeconds: wall / 1000,
      shares: Object.fromEntries(Object.entries(time).map(([kind, part]) => [kind, part / wall])),
      // Stricter: whatever is not inside an activity's own code, as the workers' logs have it.
      outsideActivities: 1 - insideActivities(loop.name) / wall,
      resumeSeconds: await resumed,
      load: loadavg()[0],
    };
  } finally {
    await client.connection.close();
    await running.stop();
  }
}

/** Kills the gpu worker once the training in this folder has saved a checkpoint, and waits for the next new step. */
async function resumeSeconds(folder: string, processes: () => { name: string; pid: number }[]): Promise<number> {
  while (!trainingLog(folder).some((line) => line.includes('"kind":"checkpoint"'))) await pause(20);
  const before = countSteps(folder);
  const killed = performance.now();
  process.kill(processes().find(({ name }) => name === 'gpu-worker')!.pid, 'SIGKILL');
  while (countSteps(folder) <= before) await pause(20);
  return (performance.now() - killed) / 1000;
}

/** Different steps: those since the checkpoint are done again, and come first. */
function countSteps(folder: string): number {
  const steps = trainingLog(folder).flatMap((line) => /"kind":"step",.*"step":(\d+)/.exec(line)?.[1] ?? []);
  return new Set(steps).size;
}

function trainingLog(folder: string): string[] {
  try {
    const run = readdirSync(folder).find((name) => name.startsWith('training-') && !name.includes('.'));
    return run === undefined ? [] : readFileSync(path.join(folder, run, 'log.jsonl'), 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** Milliseconds that the activities of the first round took by their own clocks. */
function insideActivities(loop: string): number {
  const logs = ['store-worker', 'cpu-worker', 'gpu-worker'].map((name) => path.join(dataFolder, 'logs', `${name}.log`));
  const lines = logs.flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'));
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return records
    .filter((record) => record['msg'] === 'activity ended' && record['loop'] === loop && record['round'] === 1)
    .reduce((sum, record) => sum + Number(record['milliseconds']), 0);
}
