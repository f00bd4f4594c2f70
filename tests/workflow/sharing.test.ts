import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loopPriority } from '../../apps/cli/loop-client.js';
import { RatchetConfig } from '../../config/schema.js';
import type { reportStatistics } from '../../workflows/report-statistics.js';
import { quietRuntime, serverBinary, until, workflowBundle } from './environment.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  quietRuntime();
  environment = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await serverBinary() },
      // Shares hold in each partition of a queue by itself; a short queue is spread too thinly over the usual four.
      extraArgs: [
        'matching.enableFairness=true',
        'matching.useNewMatcher=true',
        'matching.numTaskqueueReadPartitions=1',
        'matching.numTaskqueueWritePartitions=1',
      ].map((setting) => `--dynamic-config-value=${setting}`),
    },
  });
});
afterAll(() => environment.teardown());

it('W2: a tenant with little to do is not kept waiting by one that has filled the queue', async () => {
  const { client, nativeConnection: connection, namespace } = environment;
  const done: string[] = [];
  const settings = { queues: { store: 'shared-store', cpu: '', gpu: '' }, heartbeatTimeoutSeconds: 5 };
  const start = (tenant: string, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, place) =>
        client.workflow.start<typeof reportStatistics>('reportStatistics', {
          workflowId: `${tenant}-${place}`,
          taskQueue: 'shared-loop',
          args: [{ loop: tenant, settings }],
          priority: loopPriority(RatchetConfig.parse({ sharing: { tenant } })),
        }),
      ),
    );
  const worker = (options: object) => Worker.create({ connection, namespace, taskQueue: 'shared-store', ...options });
  const workflows = await worker({ taskQueue: 'shared-loop', workflowBundle });
  const running = [workflows.run()];
  const handles = [...(await start('busy', 20)), ...(await start('small', 4))];
  const isScheduled = async (handle: (typeof handles)[number]) =>
    ((await handle.describe()).raw.pendingActivities?.length ?? 0) > 0;
  await until('all activities wait', async () => (await Promise.all(handles.map(isScheduled))).every(Boolean));
  const loopStatistics = async ({ loop }: { loop: string }) => {
    done.push(loop);
    return { feedback_events: 0, training_batches: 0, curriculum: { current_stage: 'easy' } };
  };
  const store = await worker({ activities: { loopStatistics }, maxConcurrentActivityTaskExecutions: 1 });
  running.push(store.run());
  await Promise.all(handles.map((handle) => handle.result()));
  for (const each of [workflows, store]) each.shutdown();
  await Promise.all(running);
  // First come, first served would end with the four of the small tenant.
  expect(done.length).toBe(24);
  expect(done.lastIndexOf('small')).toBeLessThan(12);
});
