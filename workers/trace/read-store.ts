import path from 'node:path';
import type { Client } from '@temporalio/client';
import type { Workflow, WorkflowResultType } from '@temporalio/common';
import { RatchetError } from '../../config/errors.js';
import { Store } from '../../store/store.js';
import type { LoopTrace } from '../../store/trace.js';
import type { Ledger } from '../../store/types.js';
import { ledgerWorkflowId, traceWorkflowId } from '../../workflows/identifiers.js';
import type { reportLedger } from '../../workflows/report-ledger.js';
import type { reportTrace } from '../../workflows/report-trace.js';

/** Task queues of the workflows and of the store's owner. */
interface ReportQueues {
  loop: string;
  store: string;
}

/** The store's records of a loop or a round when nothing runs on the data folder. */
export const readRecordsFromFile = (dataFolder: string, loop: string, round?: number): Promise<LoopTrace> =>
  readFile(dataFolder, (store) => store.trace(loop, round));

/** The same from the store's owner. @throws RatchetError `E_STORE` when it does not answer in time */
export const readRecords = (client: Client, queues: ReportQueues, loop: string, round?: number): Promise<LoopTrace> =>
  askOwner<typeof reportTrace>(client, queues, 'reportTrace', traceWorkflowId(loop), {
    loop,
    queue: queues.store,
    ...(round !== undefined && { round }),
  });

/** The ledger when nothing runs on the data folder. */
export const readLedgerFromFile = (dataFolder: string, limit: number): Promise<Ledger> =>
  readFile(dataFolder, (store) => store.ledger(limit));

/** The same from the store's owner. @throws RatchetError `E_STORE` when it does not answer in time */
export const readLedger = (client: Client, queues: ReportQueues, limit: number): Promise<Ledger> =>
  askOwner<typeof reportLedger>(client, queues, 'reportLedger', ledgerWorkflowId, { queue: queues.store, limit });

async function readFile<T>(dataFolder: string, read: (store: Store) => Promise<T>): Promise<T> {
  const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'), { readOnly: true });
  try {
    return await read(store);
  } finally {
    await store.close();
  }
}

async function askOwner<Report extends Workflow>(
  client: Client,
  queues: ReportQueues,
  report: string,
  workflowId: string,
  input: Parameters<Report>[0],
): Promise<WorkflowResultType<Report>> {
  try {
    return await client.workflow.execute(report, {
      taskQueue: queues.loop,
      workflowId,
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      workflowExecutionTimeout: '15 s',
      args: [input],
    });
  } catch (cause) {
    throw new RatchetError('E_STORE', `The store's worker does not answer: ${(cause as Error).message}`, {
      hint: 'Look whether it runs, and into its log in the data folder.',
      cause,
    });
  }
}
