import path from 'node:path';
import type { Client } from '@temporalio/client';
import { RatchetError } from '../../config/errors.js';
import { Store } from '../../store/store.js';
import type { LoopTrace } from '../../store/trace.js';
import { roundWorkflowId, traceWorkflowId } from '../../workflows/identifiers.js';
import type { reportTrace } from '../../workflows/report-trace.js';
import { readSpan, type ActivitySpan, type WorkflowSpan } from './history.js';
import { stageSpans, type StageSpan } from './stages.js';
import { divideTime, type Queues, type TimeShares } from './time-shares.js';

/** A round as Temporal's histories tell it. */
export interface RoundTimeline {
  round: number;
  workflow: WorkflowSpan;
  stages: StageSpan[];
  time: TimeShares;
  /** Activities of the round and of its training and trials, in order of scheduling. */
  activities: ActivitySpan[];
  /** Earlier runs of the same round that failed or were ended. */
  earlierRuns: number;
}

/** The store's records when nothing runs on the data folder: the database is opened for reading. */
export async function readRecordsFromFile(dataFolder: string, loop: string, round?: number): Promise<LoopTrace> {
  const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'), { readOnly: true });
  try {
    return await store.trace(loop, round);
  } finally {
    await store.close();
  }
}

/**
 * The store's records from its owner.
 * @throws RatchetError `E_STORE` when the store's worker does not answer in time
 */
export async function readRecords(
  client: Client,
  queues: Queues & { loop: string },
  loop: string,
  round?: number,
): Promise<LoopTrace> {
  try {
    return await client.workflow.execute<typeof reportTrace>('reportTrace', {
      taskQueue: queues.loop,
      workflowId: traceWorkflowId(loop),
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      workflowExecutionTimeout: '15 s',
      args: [{ loop, queue: queues.store, ...(round !== undefined && { round }) }],
    });
  } catch (cause) {
    throw new RatchetError('E_STORE', `The store's worker does not answer: ${(cause as Error).message}`, {
      hint: 'Look whether it runs, and into its log in the data folder.',
      cause,
    });
  }
}

/** A round's timeline from its workflow and those it started; null when Temporal keeps no history of it. */
export async function readTimeline(
  client: Client,
  queues: Queues,
  loop: string,
  round: number,
  now: number,
): Promise<RoundTimeline | null> {
  const id = roundWorkflowId(loop, round);
  const workflow = await readWorkflow(client, id);
  if (workflow === null) return null;
  const children = await Promise.all(workflow.children.map((child) => readWorkflow(client, child)));
  const activities = [workflow, ...children]
    .flatMap((span) => span?.activities ?? [])
    .toSorted((a, b) => a.scheduledAt - b.scheduledAt);
  let runs = 0;
  for await (const _ of client.workflow.list({ query: `WorkflowId = '${id}' AND WorkflowType = 'runRound'` }))
    runs += 1;
  return {
    round,
    workflow,
    stages: stageSpans(activities, queues.store),
    time: divideTime(workflow, activities, queues, now),
    activities,
    earlierRuns: Math.max(0, runs - 1),
  };
}

async function readWorkflow(client: Client, workflowId: string): Promise<WorkflowSpan | null> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    return readSpan(await handle.describe(), await handle.fetchHistory());
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return null;
    throw error;
  }
}
