import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, TemporalFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import { isDiskFull, isOutOfMemory, isProgrammingError, isRatchetError } from '../config/errors.js';

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
  if (isRatchetError(error)) {
    return ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: !error.retryable,
      details: [{ hint: error.hint ?? null }],
      cause: error,
    });
  }
  if (!(error instanceof Error)) return error;
  if (isDiskFull(error)) {
    return ApplicationFailure.create({
      message: `The disk of the data folder is full: ${error.message}`,
      type: 'E_DISK_FULL',
      details: [{ hint: 'Free some space; the loop goes on by itself or with `ratchet loop resume`.' }],
      cause: error,
    });
  }
  if (isOutOfMemory(error)) {
    return ApplicationFailure.create({
      message: `The worker has too little memory: ${error.message}`,
      type: 'E_OUT_OF_MEMORY',
      nonRetryable: true,
      details: [{ hint: 'Give the machine more memory, or the loop fewer or shorter requests a round.' }],
      cause: error,
    });
  }
  return ApplicationFailure.create({
    message: error.message,
    type: 'E_INTERNAL',
    nonRetryable: isProgrammingError(error),
    details: [{ hint: 'This is a fault of Ratchet; the log of the worker has the stack.' }],
    cause: error,
  });
}
