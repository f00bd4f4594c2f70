import {
  allHandlersFinished,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
} from '@temporalio/workflow';
import { checkedSignal, type RoundDue } from './messages.js';

/** What a check is told by a loop that has ended. */
export const ENDED = 'the loop has ended';

/** Scheduled checks that wait for the loop's answer: until a check has it, its schedule may start no other. */
export class DueChecks {
  constructor(private due: RoundDue[] = []) {}

  add(check: RoundDue): void {
    this.due.push(check);
  }

  /** Those that wait now. */
  get waiting(): RoundDue[] {
    return [...this.due];
  }

  /** Tells the schedules what came of their checks; one that has ended meanwhile does not matter. */
  async answer(checks: RoundDue[], outcome: string): Promise<void> {
    for (const check of checks) {
      try {
        await getExternalWorkflowHandle(check.replyTo).signal(checkedSignal, outcome);
      } catch (error) {
        if (isCancellation(error)) throw error;
      }
      this.due = this.due.filter((each) => each !== check);
    }
  }

  /** The last that a loop does, however it ends: answers all checks, also those that come meanwhile. */
  async close(): Promise<void> {
    // Who had the loop ended is still being written down.
    await condition(allHandlersFinished);
    while (this.due.length > 0 && patched('every-check-is-answered')) {
      await this.answer(this.waiting, ENDED);
      await condition(allHandlersFinished);
    }
  }
}
