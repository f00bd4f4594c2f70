import type { Client } from '@temporalio/client';
import { roundWorkflowId } from '../../workflows/identifiers.js';
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
