import type { Ledger } from '../store/types.js';
import { connectTrace } from './proxies.js';

export interface ReportLedgerInput {
  /** Newest rows to return. */
  limit: number;
  /** Task queue of the store. */
  queue: string;
}

/** The rows that were refused, from the owner of the store. */
export async function reportLedger({ queue, limit }: ReportLedgerInput): Promise<Ledger> {
  return await connectTrace(queue).readLedger({ limit });
}
