import { proxyActivities } from '@temporalio/workflow';
import type { TraceActivities } from '../activities/trace.js';
import type { LoopTrace } from '../store/trace.js';

export interface ReportTraceInput {
  loop: string;
  round?: number;
  /** Task queue of the store. */
  queue: string;
}

/** What the owner of the store knows of a loop's story. */
export async function reportTrace({ queue, ...asked }: ReportTraceInput): Promise<LoopTrace> {
  const { readTrace } = proxyActivities<TraceActivities>({
    taskQueue: queue,
    startToCloseTimeout: '30 s',
    retry: { initialInterval: '200 ms', maximumInterval: '10 s', maximumAttempts: 5 },
  });
  return await readTrace(asked);
}
