import type { Clock } from '../clock.js';
import { ProviderFault } from '../fault.js';

export interface Timeouts {
  /** Until the connection stands. */
  connectMilliseconds: number;
  /** From the connection to the first piece of the answer. */
  firstTokenMilliseconds: number;
  /** Of a whole call: its waits, its attempts and its answer. */
  totalMilliseconds: number;
}

/** The time limits of one attempt; `signal` aborts with a retryable fault when one is passed. */
export class Deadline {
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private cancel: () => void = () => {};

  constructor(
    private readonly clock: Clock,
    outer: AbortSignal,
    private readonly timeouts: Timeouts,
  ) {
    this.signal = AbortSignal.any([outer, this.controller.signal]);
  }

  start(): void {
    this.arm(this.timeouts.connectMilliseconds, 'no connection', 'Check the base URL and the network.');
  }

  connected(): void {
    this.arm(this.timeouts.firstTokenMilliseconds, 'no first token', 'Raise the timeout, or ask a faster model.');
  }

  /** The first token came, or the attempt ended. */
  stop(): void {
    this.cancel();
  }

  private arm(milliseconds: number, what: string, hint: string): void {
    this.cancel();
    this.cancel = this.clock.after(milliseconds, () =>
      this.controller.abort(new ProviderFault(`${what} within ${milliseconds} ms`, { retryable: true, hint })),
    );
  }
}
