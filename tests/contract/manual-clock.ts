import type { Clock } from '../../providers/clock.js';

/**
 * A clock that a test moves. Waits up to `passing` milliseconds end at once and move the time on; longer ones, the
 * timeouts, end only when the test says so.
 */
export class ManualClock implements Clock {
  time = Date.UTC(2026, 10, 21);
  /** Waits that ended by themselves, milliseconds. */
  readonly waits: number[] = [];
  private readonly timers = new Map<number, Set<() => void>>();

  constructor(private readonly passing = 60_000) {}

  now(): number {
    return this.time;
  }

  after(milliseconds: number, callback: () => void): () => void {
    if (milliseconds > this.passing) {
      const armed = this.timers.get(milliseconds) ?? new Set();
      this.timers.set(milliseconds, armed.add(callback));
      return () => void armed.delete(callback);
    }
    const immediate = setImmediate(() => {
      this.waits.push(milliseconds);
      this.time += milliseconds;
      callback();
    });
    return () => clearImmediate(immediate);
  }

  /** Timers of that length that are armed. */
  armed(milliseconds: number): number {
    return this.timers.get(milliseconds)?.size ?? 0;
  }

  /** Ends every wait of that length. */
  fire(milliseconds: number): void {
    const armed = [...(this.timers.get(milliseconds) ?? [])];
    this.timers.delete(milliseconds);
    for (const callback of armed) callback();
  }
}
