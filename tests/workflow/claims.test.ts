import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { claimsProgressQuery, type runClaims, type RunClaimsInput } from '../../workflows/run-claims.js';
import { withSmokeTier } from '../preregistration.js';
import { startEnvironment, workflowBundle } from './environment.js';
import { RealLoop } from './real-loop.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

const preregistration = withSmokeTier({
  seeds: [1, 2],
  probeSeeds: [1, 2],
  arms: ['v1', 'v2'],
  rounds: 2,
  settings: {
    selection: { budget: 90 },
    simulatedUsers: { requests: 100, wrongLabels: 0.05, testSpecifications: 12 },
  },
});

it('plays every arm on every seed, judges, and plays nothing twice when it is started again', async () => {
  const loop = await RealLoop.open();
  const id = randomUUID().slice(0, 8);
  const queues = { store: `store-${id}`, cpu: `cpu-${id}`, gpu: `gpu-${id}` };
  const common = { connection: environment.nativeConnection, namespace: environment.namespace };
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: `loop-${id}`, workflowBundle }),
    ...[queues.cpu, queues.gpu].map((taskQueue) =>
      Worker.create({ ...common, taskQueue, activities: loop.activities() }),
    ),
  ]);
  const running = workers.map((worker) => worker.run());
  const input: RunClaimsInput = {
    preregistration,
    tier: 'smoke',
    arms: ['v1', 'v2'],
    seeds: [1, 2],
    settings: { queues, heartbeatTimeoutSeconds: 30 },
  };
  const start = (name: string) =>
    environment.client.workflow.start<typeof runClaims>('runClaims', {
      taskQueue: `loop-${id}`,
      workflowId: `claims/${id}-${name}`,
      args: [input],
    });
  try {
    const first = await start('first');
    const report = await first.result();
    expect(await first.query(claimsProgressQuery)).toEqual({ done: 4, total: 4, current: null });
    expect(report).toMatchObject({ complete: true, arms: { v1: 2, v2: 2 }, seeds: [1, 2] });
    expect(report.claims.find((row) => row.id === 'average-score')).toMatchObject({ seeds: 2 });
    expect(report.claims.find((row) => row.id === 'generic-content')).toMatchObject({ seeds: 2 });

    const trained = loop.engine.epochs.length;
    const again = await (await start('again')).result();
    expect(again).toEqual(report);
    expect(loop.engine.epochs).toHaveLength(trained);

    // A result that is lost is measured again, and only that one.
    const results = path.join(loop.dataFolder, 'claims/results');
    const runs = readdirSync(results).filter((name) =>
      readFileSync(path.join(results, name), 'utf8').includes('"trained": true'),
    );
    rmSync(path.join(results, runs[0]!));
    await (await start('third')).result();
    expect(loop.engine.epochs.length).toBeGreaterThan(trained);
    expect(readdirSync(results)).toHaveLength(4 + 2);
  } finally {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
  }
});
