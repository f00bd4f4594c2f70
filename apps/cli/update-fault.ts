import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { ERROR_CODES, RatchetError, type ErrorCode } from '../../config/errors.js';

/** The fault with which a workflow refused or failed a request, in our words; anything else as it is. */
export function updateFault(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  let cause: unknown = error.name === 'WorkflowUpdateFailedError' ? error.cause : null;
  while (cause instanceof ActivityFailure) cause = cause.cause;
  if (!(cause instanceof ApplicationFailure) || !((cause.type ?? '') in ERROR_CODES)) return error;
  const hint = (cause.details?.[0] as { hint?: string | null } | undefined)?.hint;
  return new RatchetError(cause.type as ErrorCode, cause.message, { ...(hint != null && { hint }), cause: error });
}
