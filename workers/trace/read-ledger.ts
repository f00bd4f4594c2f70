import path from 'node:path';
import type { Client } from '@temporalio/client';
import { Store } from '../../store/store.js';
import type { Ledger } from '../../store/types.js';
import { ledgerWorkflowId } from '../../workflows/identifiers.js';
import type { reportLedger } from '../../workflows/report-ledger.js';

/** The ledger when nothing runs on the data folder: the database is opened for reading. */
export async function readLedgerFromFile(dataFolder: string, limit: number): Promise<Ledger> {
  const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'), { readOnly: true });
  try {
    return await store.ledger(limit);
  } finally {
    await store.close();
  }
}

/** The ledger from the store's owner. */
export async function readLedger(
  client: Client,
  queues: { loop: string; store: string },
  limit: number,
): Promise<Ledger> {
  return await client.workflow.execute<typeof reportLedger>('reportLedger', {
    taskQueue: queues.loop,
    workflowId: ledgerWorkflowId,
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    workflowExecutionTimeout: '15 s',
    args: [{ queue: queues.store, limit }],
  });
}
