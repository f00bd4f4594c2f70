import { proxyActivities } from '@temporalio/workflow';
import type { TraceActivities } from '../activities/trace.js';
import type { Ledger } from '../store/types.js';

export interface ReportLedgerInput {
  /** Newest rows to return. */
  limit: number;
  /** Task queue of the store. */
  queue: string;
}

/** The rows that were refused, from the owner of the store. */
export async function reportLedger({ queue, limit }: ReportLedgerInput): Promise<Ledger> {
  const { readLedger } = proxyActivities<TraceActivities>({
    taskQueue: queue,
    startToCloseTimeout: '30 s',
    retry: { initialInterval: '200 ms', maximumInterval: '10 s', maximumAttempts: 5 },
  });
  return await readLedger({ limit });
}
