import { pause, type Clock } from '../clock.js';

export interface RateLimits {
  /** No limit when left out. */
  requestsPerMinute?: number | undefined;
  /** Input and output tokens together; no limit when left out. */
  tokensPerMinute?: number | undefined;
}

const MINUTE = 60_000;

/** A bucket that holds a minute's worth and fills evenly. */
class TokenBucket {
  private level: number;
  private filledAt: number;

  constructor(
    private readonly perMinute: number,
    private readonly clock: Clock,
  ) {
    this.level = perMinute;
    this.filledAt = clock.now();
  }

  /** Milliseconds until `amount` can be taken; more than the bucket holds waits for a full one. */
  wait(amount: number): number {
    this.fill();
    const missing = Math.min(amount, this.perMinute) - this.level;
    return missing <= 0 ? 0 : Math.ceil((missing / this.perMinute) * MINUTE);
  }

  /** May leave a debt; a negative amount gives back. */
  take(amount: number): void {
    this.fill();
    this.level = Math.min(this.perMinute, this.level - amount);
  }

  private fill(): void {
    const now = this.clock.now();
    const gained = (Math.max(0, now - this.filledAt) / MINUTE) * this.perMinute;
    this.level = Math.min(this.perMinute, this.level + gained);
    this.filledAt = now;
  }
}

/** Holds calls back so that no minute has more than its requests and tokens; first come, first served. */
export class RateLimiter {
  private readonly requests: TokenBucket | null;
  private readonly tokens: TokenBucket | null;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(
    limits: RateLimits,
    private readonly clock: Clock,
  ) {
    const bucket = (perMinute: number | undefined) => (perMinute ? new TokenBucket(perMinute, clock) : null);
    this.requests = bucket(limits.requestsPerMinute);
    this.tokens = bucket(limits.tokensPerMinute);
  }

  /** Resolves when a call of at most `tokens` may start; rejects with the signal's reason. */
  acquire(tokens: number, signal: AbortSignal): Promise<void> {
    const turn = this.queue.then(() => this.take(tokens, signal));
    this.queue = turn.catch(() => {});
    return Promise.race([turn, aborted(signal)]);
  }

  /** Gives back the tokens that a call did not use. */
  correct(reserved: number, used: number): void {
    this.tokens?.take(used - reserved);
  }

  private async take(tokens: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const wait = Math.max(this.requests?.wait(1) ?? 0, this.tokens?.wait(tokens) ?? 0);
      if (wait === 0) break;
      await pause(this.clock, wait, signal);
    }
    this.requests?.take(1);
    this.tokens?.take(tokens);
  }
}

/** Rejects when the signal aborts: a call that waits behind others need not wait for them to give up. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
