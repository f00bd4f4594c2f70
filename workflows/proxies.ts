import { ActivityCancellationType, proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { ControlActivities } from '../activities/control.js';
import type { CpuActivities, GpuActivities, StoreActivities } from '../activities/interfaces.js';
import type { TraceActivities } from '../activities/trace.js';

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

/** Activities of the `store` queue that steer a loop and keep its audit trail. */
export function connectControl({ queues }: WorkflowSettings): ControlActivities {
  return proxyActivities<ControlActivities>({
    taskQueue: queues.store,
    startToCloseTimeout: '30 s',
    retry: { initialInterval: '200 ms', maximumInterval: '10 s', maximumAttempts: 20 },
  });
}

/** Activities of the `store` queue that only read; whoever asks does not wait for long. */
export function connectTrace(queue: string): TraceActivities {
  return proxyActivities<TraceActivities>({
    taskQueue: queue,
    startToCloseTimeout: '30 s',
    retry: { initialInterval: '200 ms', maximumInterval: '10 s', maximumAttempts: 5 },
  });
}

/**
 * Activities by task queue. A worker that is killed is noticed by its missing heartbeats (the activity interceptor sends
 * them), so the long start-to-close timeouts only bound an activity that hangs while its process lives.
 */
export function connectActivities(settings: WorkflowSettings): Activities {
  const options = activityOptions(settings);
  return {
    store: proxyActivities<StoreActivities>(options.store),
    cpu: proxyActivities<CpuActivities>(options.cpu),
    gpu: proxyActivities<GpuActivities>(options.gpu),
  };
}

/** How the activities of each queue are scheduled. */
export function activityOptions(settings: WorkflowSettings): Record<keyof Activities, ActivityOptions> {
  const { queues, heartbeatTimeoutSeconds } = settings;
  return {
    store: {
      taskQueue: queues.store,
      startToCloseTimeout: '30 s',
      heartbeatTimeout: `${Math.min(10, heartbeatTimeoutSeconds)} s`,
      retry: { initialInterval: '200 ms', maximumInterval: '10 s', maximumAttempts: 20 },
    },
    cpu: {
      taskQueue: queues.cpu,
      startToCloseTimeout: '10 min',
      heartbeatTimeout: `${Math.max(5, heartbeatTimeoutSeconds)} s`,
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      retry: { initialInterval: '500 ms', maximumInterval: '10 s', maximumAttempts: 10 },
    },
    gpu: {
      taskQueue: queues.gpu,
      startToCloseTimeout: '24 h',
      heartbeatTimeout: `${heartbeatTimeoutSeconds} s`,
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      // A lost attempt goes on from its checkpoint, so many of them are not a sign that none will end.
      retry: { initialInterval: '200 ms', maximumInterval: '1 min', maximumAttempts: 100 },
    },
  };
}
