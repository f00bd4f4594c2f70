import { condition, getExternalWorkflowHandle, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { RoundConditions, ScheduleActivities } from '../activities/schedule.js';
import { loopWorkflowId } from './identifiers.js';
import { checkedSignal, roundDueSignal } from './messages.js';

export interface CheckFeedbackInput {
  loop: string;
  /** New events below which the loop goes on waiting. */
  minFeedback: number;
  /** Asked on the store's queue before the loop is; absent when a schedule has none. */
  conditions?: RoundConditions & { queue: string };
}

/**
 * What a schedule starts: asks the loop for a round if its conditions hold and there is some new feedback, and ends when
 * the loop has decided against it or has finished the round, so that the schedule sees which checks overlap a running
 * round. Returns what came of it.
 */
export async function checkFeedback({ loop, minFeedback, conditions }: CheckFeedbackInput): Promise<string> {
  if (conditions !== undefined) {
    const { queue, ...asked } = conditions;
    const { findObstacle } = proxyActivities<ScheduleActivities>({
      taskQueue: queue,
      startToCloseTimeout: '30 s',
      retry: { initialInterval: '200 ms', maximumInterval: '10 s' },
    });
    const obstacle = await findObstacle(asked);
    if (obstacle !== null) return obstacle;
  }
  let outcome: string | null = null;
  setHandler(checkedSignal, (told) => void (outcome = told));
  try {
    const due = { minFeedback, replyTo: workflowInfo().workflowId };
    await getExternalWorkflowHandle(loopWorkflowId(loop)).signal(roundDueSignal, due);
  } catch {
    return `the loop ${loop} does not run`;
  }
  await condition(() => outcome !== null);
  return outcome ?? '';
}
