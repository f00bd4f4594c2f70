import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import type { Workflow, WorkflowResultType } from '@temporalio/common';
import { RatchetError } from '../config/errors.js';
import type { OpenOptions } from '../store/database.js';
import type { Store } from '../store/store.js';
import { auditWorkflowId, ledgerWorkflowId, statisticsWorkflowId, traceWorkflowId } from '../workflows/identifiers.js';
import type { WorkflowSettings } from '../workflows/proxies.js';
import type { reportAudit } from '../workflows/report-audit.js';
import type { reportLedger } from '../workflows/report-ledger.js';
import type { reportStatistics } from '../workflows/report-statistics.js';
import type { reportTrace } from '../workflows/report-trace.js';

/** What can be asked of the store from outside its owner. */
export type StoreReader = Pick<Store, 'trace' | 'ledger' | 'audit' | 'statistics'>;

/** Opens the store of a data folder on which nothing runs, and closes it. */
export async function withStoreFile<T>(
  dataFolder: string,
  options: OpenOptions,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  // The command line waits for a database's library only where it needs one.
  const { Store } = await import('../store/store.js');
  const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'), options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The store of a running installation, asked through its owner's queue; an owner that does not answer is `E_STORE`. */
export function storeOwner(client: Client, taskQueue: string, settings: WorkflowSettings): StoreReader {
  const queue = settings.queues.store;
  async function ask<Report extends Workflow>(
    report: string,
    look: string,
    input: Parameters<Report>[0],
  ): Promise<WorkflowResultType<Report>> {
    try {
      return await client.workflow.execute(report, {
        taskQueue,
        // Of its own: several may look at the same at once.
        workflowId: `${look}-${randomUUID().slice(0, 8)}`,
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
  return {
    trace: (loop, round) =>
      ask<typeof reportTrace>('reportTrace', traceWorkflowId(loop), {
        loop,
        queue,
        ...(round !== undefined && { round }),
      }),
    ledger: (limit) => ask<typeof reportLedger>('reportLedger', ledgerWorkflowId, { queue, limit }),
    audit: (loop, limit = 100) =>
      ask<typeof reportAudit>('reportAudit', auditWorkflowId(loop), { loop, limit, settings }),
    statistics: (loop) =>
      ask<typeof reportStatistics>('reportStatistics', statisticsWorkflowId(loop), { loop, settings }),
  };
}
