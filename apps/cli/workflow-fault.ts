import { ERROR_CODES, RatchetError, type ErrorCode } from '../../config/errors.js';

/** What Temporal wraps around the fault of an activity or a workflow; by name, for the command line starts without its library. */
const WRAPPERS = ['WorkflowFailedError', 'WorkflowUpdateFailedError', 'ChildWorkflowFailure', 'ActivityFailure'];

/** The fault with which a workflow failed, or refused or failed a request, in our words; anything else as it is. */
export function workflowFault(error: unknown): unknown {
  let cause: unknown = error;
  while (cause instanceof Error && WRAPPERS.includes(cause.name)) cause = cause.cause;
  if (!(cause instanceof Error) || cause.name !== 'ApplicationFailure') return error;
  const { type, details } = cause as { type?: string | null; details?: unknown[] | null };
  if (!Object.hasOwn(ERROR_CODES, type ?? '')) return error;
  const hint = (details?.[0] as { hint?: string | null } | undefined)?.hint;
  return new RatchetError(type as ErrorCode, cause.message, { ...(hint != null && { hint }), cause: error });
}
