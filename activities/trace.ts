import type { Store } from '../store/store.js';
import type { LoopTrace } from '../store/trace.js';

export interface TraceActivities {
  /** A loop's story as the store knows it; that of one round when one is given. */
  readTrace(input: { loop: string; round?: number }): Promise<LoopTrace>;
}

/** The store behind `ratchet trace`. */
export function createTraceActivities({ store }: { store: Store }): TraceActivities {
  return { readTrace: ({ loop, round }) => store.trace(loop, round) };
}
