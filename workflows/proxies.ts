import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { CpuActivities, GpuActivities, StoreActivities } from '../activities/interfaces.js';

/** What a workflow must know of the machines it runs on; resolved once, from the configuration, by whoever starts it. */
export interface WorkflowSettings {
  queues: { store: string; cpu: string; gpu: string };
  /** Silence after which training, generation or evaluation counts as lost and is started again, in seconds. */
  heartbeatTimeoutSeconds: number;
}

export interface Activities {
  store: StoreActivities;
  cpu: CpuActivities;
  gpu: GpuActivities;
}

/**
 * Activities by task queue. A worker that is killed is noticed by its missing heartbeats (the activity interceptor sends
 * them), so the long start-to-close timeouts only bound an activity that hangs while its process lives.
 */
export function connectActivities(settings: WorkflowSettings): Activities {
  const { queues, heartbeatTimeoutSeconds } = settings;
  return {
    store: proxyActivities<StoreActivities>({
      taskQueue: queues.store,
      startToCloseTimeout: '30 s',
      heartbeatTimeout: `${Math.min(10, heartbeatTimeoutSeconds)} s`,
      retry: { initialInterval: '200 ms', maximumInterval: '10 s', maximumAttempts: 20 },
    }),
    cpu: proxyActivities<CpuActivities>({
      taskQueue: queues.cpu,
      startToCloseTimeout: '10 min',
      heartbeatTimeout: `${Math.max(5, heartbeatTimeoutSeconds)} s`,
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      retry: { initialInterval: '500 ms', maximumInterval: '10 s', maximumAttempts: 10 },
    }),
    gpu: proxyActivities<GpuActivities>({
      taskQueue: queues.gpu,
      startToCloseTimeout: '24 h',
      heartbeatTimeout: `${heartbeatTimeoutSeconds} s`,
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      retry: { initialInterval: '1 s', maximumInterval: '1 min', maximumAttempts: 10 },
    }),
  };
}
