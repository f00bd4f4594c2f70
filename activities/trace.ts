import type { Store } from '../store/store.js';
import type { LoopTrace } from '../store/trace.js';
import type { Ledger } from '../store/types.js';

export interface TraceActivities {
  /** A loop's story as the store knows it; that of one round when one is given. */
  readTrace(input: { loop: string; round?: number }): Promise<LoopTrace>;
  /** What was refused and why, with so many of the newest rows. */
  readLedger(input: { limit: number }): Promise<Ledger>;
}

/** The store behind `ratchet trace` and `ratchet feedback rejected`. */
export function createTraceActivities({ store }: { store: Store }): TraceActivities {
  return {
    readTrace: ({ loop, round }) => store.trace(loop, round),
    readLedger: ({ limit }) => store.ledger(limit),
  };
}
