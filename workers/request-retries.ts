import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor, type ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;

/** gRPC's code of a call that its caller gave up. */
const CANCELLED = 1;

/**
 * A request whose server has gone waits for a timer to be tried again. Where the connection is closed meanwhile, the timer
 * would throw "Channel has been shut down" with nobody to catch it, and end the process; here the request ends as cancelled.
 */
const cancelAfterClose: Interceptor = (options, nextCall) => {
  try {
    return nextCall(options) as Call;
  } catch (error) {
    const details = error instanceof Error ? error.message : String(error);
    const cancelled: Pick<Call, 'start' | 'sendMessage' | 'halfClose' | 'cancelWithStatus'> = {
      start(metadata, listener) {
        // Temporal's interceptor passes on the message with the status.
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.({ code: CANCELLED, details, metadata });
      },
      sendMessage: () => undefined,
      halfClose: () => undefined,
      cancelWithStatus: () => undefined,
    };
    return cancelled as Call;
  }
};

/** Temporal's own retries, ended by closing the connection. */
export const retryUntilClosed: Interceptor[] = [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), cancelAfterClose];
