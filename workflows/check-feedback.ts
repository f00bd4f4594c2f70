import { condition, getExternalWorkflowHandle, setHandler, workflowInfo } from '@temporalio/workflow';
import { loopWorkflowId } from './identifiers.js';
import { checkedSignal, roundDueSignal } from './messages.js';

export interface CheckFeedbackInput {
  loop: string;
  /** New events below which the loop goes on waiting. */
  minFeedback: number;
}

/**
 * What a schedule starts: asks the loop for a round if there is some new feedback, and ends when the loop has decided
 * against it or has finished the round, so that the schedule skips the checks that fall into a running round. Returns
 * what came of it.
 */
export async function checkFeedback({ loop, minFeedback }: CheckFeedbackInput): Promise<string> {
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
