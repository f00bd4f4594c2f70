import { getExternalWorkflowHandle, proxyActivities } from '@temporalio/workflow';
import type { ImportActivities, ParsedFeedback, StoreActivities } from '../activities/interfaces.js';
import { loopWorkflowId } from './identifiers.js';
import { feedbackArrivedSignal } from './messages.js';
import { activityOptions, connectActivities, type WorkflowSettings } from './proxies.js';

export interface ImportFeedbackInput {
  loop: string;
  /** File in the data folder, `loops/<loop>/imports/<sha256>/<name>`. */
  uri: string;
  settings: WorkflowSettings;
}

export interface ImportFeedbackResult extends Pick<
  ParsedFeedback,
  'read' | 'rejected' | 'rejectedSample' | 'warnings'
> {
  /** Events that are new to the loop. */
  accepted: number;
  /** Events the loop has already. */
  duplicates: number;
  /** Events whose id the loop knows with another content; the first one stays. */
  conflicts: number;
}

/** Checks a file of feedback, stores it (a repeated import stores nothing twice) and wakes the loop once. */
export async function importFeedback({ loop, uri, settings }: ImportFeedbackInput): Promise<ImportFeedbackResult> {
  const { store } = connectActivities(settings);
  const { parseFeedback } = proxyActivities<ImportActivities>({
    taskQueue: settings.queues.cpu,
    startToCloseTimeout: '1 h',
    heartbeatTimeout: `${settings.heartbeatTimeoutSeconds} s`,
    retry: { initialInterval: '500 ms', maximumInterval: '10 s', maximumAttempts: 5 },
  });
  // A file may have millions of bad rows.
  const { recordStage } = proxyActivities<StoreActivities>({
    ...activityOptions(settings).store,
    startToCloseTimeout: '1 h',
  });
  const key = { loop, round: 0 };
  const { chunks, rejectedRef, rejectedSample, read, rejected, warnings } = await parseFeedback({ uri });
  await recordStage({ key, stage: 'feedback', table: 'rejected', ref: rejectedRef });
  const result = { read, rejected, rejectedSample, warnings, accepted: 0, duplicates: 0, conflicts: 0 };
  let newest = 0;
  for (const ref of chunks) {
    const { accepted, duplicates, cursor } = await store.ingestFeedback({ key, ref });
    result.accepted += accepted;
    result.duplicates += duplicates;
    result.conflicts += ref.rows - accepted - duplicates;
    newest = Math.max(newest, cursor);
  }
  if (result.accepted > 0) {
    try {
      await getExternalWorkflowHandle(loopWorkflowId(loop)).signal(feedbackArrivedSignal, newest);
    } catch {
      // No loop of this name runs: its feedback waits in the store.
    }
  }
  return result;
}
