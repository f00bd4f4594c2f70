import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, TemporalFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import { isDiskFull, isOutOfMemory, isProgrammingError, isRatchetError, type ErrorCode } from '../config/errors.js';

/**
 * Wraps every activity: while it runs, heartbeats say that the worker lives (with the details of the activity's own last
 * heartbeat), what it throws becomes a failure whose type is the error code, and the log says how long it took.
 */
export function interceptActivity(heartbeatMilliseconds: number): (context: Context) => ActivityInterceptors {
  return (context) => ({
    inbound: {
      async execute(input, next) {
        const stop = keepAlive(context, heartbeatMilliseconds);
        const started = performance.now();
        let outcome = 'failed';
        try {
          const result = await next(input);
          outcome = 'completed';
          return result;
        } catch (error) {
          throw toFailure(error);
        } finally {
          stop();
          context.log.info('activity ended', { outcome, milliseconds: Math.round(performance.now() - started) });
        }
      },
    },
  });
}

function keepAlive(context: Context, milliseconds: number): () => void {
  const timeout = context.info.heartbeatTimeoutMs;
  if (timeout === undefined || timeout === 0) return () => {};
  const send = context.heartbeat;
  let details: unknown = context.info.heartbeatDetails;
  const remember = (given?: unknown) => {
    details = given;
    send(given);
  };
  Object.assign(context, { heartbeat: remember });
  const timer = setInterval(() => send(details), Math.min(milliseconds, timeout / 3));
  return () => clearInterval(timer);
}

/** A Temporal failure for anything an activity can throw; cancellation and Temporal's own failures pass unchanged. */
export function toFailure(error: unknown): unknown {
  if (error instanceof TemporalFailure || error instanceof CancelledFailure) return error;
  if (isRatchetError(error)) return failure(error, error.code, error.hint ?? null, { nonRetryable: !error.retryable });
  if (!(error instanceof Error)) return error;
  if (isDiskFull(error)) {
    const hint = 'Free some space; the loop goes on by itself or with `ratchet loop resume`.';
    return failure(error, 'E_DISK_FULL', hint, { message: `The disk of the data folder is full: ${error.message}` });
  }
  if (isOutOfMemory(error)) {
    const hint = 'Give the machine more memory, or the loop fewer or shorter requests a round.';
    const message = `The worker has too little memory: ${error.message}`;
    return failure(error, 'E_OUT_OF_MEMORY', hint, { message, nonRetryable: true });
  }
  const hint = 'This is a fault of Ratchet; the log of the worker has the stack.';
  return failure(error, 'E_INTERNAL', hint, { nonRetryable: isProgrammingError(error) });
}

function failure(
  cause: Error,
  type: ErrorCode,
  hint: string | null,
  { message = cause.message, nonRetryable = false }: { message?: string; nonRetryable?: boolean },
): ApplicationFailure {
  return ApplicationFailure.create({ message, type, nonRetryable, details: [{ hint }], cause });
}
