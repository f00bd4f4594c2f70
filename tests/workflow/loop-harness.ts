import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { LoopConfig } from '../../config/loop.js';
import { interceptActivity } from '../../workers/activity-interceptor.js';
import { loopWorkflowId } from '../../workflows/identifiers.js';
import { statusQuery, type LoopStatus } from '../../workflows/messages.js';
import type { WorkflowSettings } from '../../workflows/proxies.js';
import type { runAdaptiveLoop } from '../../workflows/run-adaptive-loop.js';
import { workflowBundle } from './environment.js';

export interface RunningLoop {
  config: LoopConfig;
  settings: WorkflowSettings;
  handle: WorkflowHandle<typeof runAdaptiveLoop>;
  status(): Promise<LoopStatus>;
}

/** Whoever does the loop's work. */
export interface LoopActivities {
  activities(): object;
}

/** Runs `body` with a loop that has just started and workers for it, each loop on queues of its own. */
export async function withLoop(
  environment: TestWorkflowEnvironment,
  loop: LoopActivities,
  given: object,
  body: (loop: RunningLoop) => Promise<unknown>,
): Promise<void> {
  const id = randomUUID().slice(0, 8);
  const config = LoopConfig.parse({ name: `test-${id}`, ...given });
  const settings = {
    queues: { store: `store-${id}`, cpu: `cpu-${id}`, gpu: `gpu-${id}` },
    heartbeatTimeoutSeconds: 2,
  };
  const common = {
    connection: environment.nativeConnection,
    namespace: environment.namespace,
    identity: 'test-worker',
  };
  const worker = (taskQueue: string) =>
    Worker.create({
      ...common,
      taskQueue,
      activities: loop.activities(),
      shutdownForceTime: '2 s',
      maxHeartbeatThrottleInterval: 100,
      defaultHeartbeatThrottleInterval: 100,
      interceptors: { activity: [interceptActivity(200)] },
    });
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: `loop-${id}`, workflowBundle }),
    ...Object.values(settings.queues).map(worker),
  ]);
  const running = workers.map((each) => each.run());
  try {
    const handle = await environment.client.workflow.start<typeof runAdaptiveLoop>('runAdaptiveLoop', {
      workflowId: loopWorkflowId(config.name),
      taskQueue: `loop-${id}`,
      args: [{ config, settings }],
    });
    await body({ config, settings, handle, status: () => handle.query(statusQuery) });
  } finally {
    for (const each of workers) each.shutdown();
    await Promise.all(running);
  }
}
