import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, TimeoutFailure } from '@temporalio/workflow';
import type { LoopError } from './messages.js';

/** The failure that an activity or child workflow was rejected with, without its wrappers. */
export function rootFailure(error: unknown): unknown {
  let cause = error;
  while ((cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) && cause.cause !== undefined)
    cause = cause.cause;
  return cause;
}

/** True when an activity rejected with a Ratchet error of this code. */
export function hasCode(error: unknown, code: string): boolean {
  const cause = rootFailure(error);
  return cause instanceof ApplicationFailure && cause.type === code;
}

/** What the status query shows of a failed round. */
export function describeFailure(error: unknown): LoopError {
  const cause = rootFailure(error);
  if (cause instanceof ApplicationFailure) {
    const details = cause.details?.[0] as { hint?: string } | undefined;
    return { code: cause.type ?? 'E_INTERNAL', message: cause.message, hint: details?.hint ?? null };
  }
  if (cause instanceof TimeoutFailure)
    return {
      code: 'E_SERVER_UNAVAILABLE',
      message: `an activity was lost again and again (${cause.message})`,
      hint: 'Look into the logs of the workers, then resume the loop.',
    };
  return { code: 'E_INTERNAL', message: cause instanceof Error ? cause.message : String(cause), hint: null };
}
