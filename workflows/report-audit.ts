import type { RecordedAudit } from '../store/types.js';
import { connectControl, type WorkflowSettings } from './proxies.js';

export interface ReportAuditInput {
  loop: string;
  limit: number;
  settings: WorkflowSettings;
}

/** The newest entries of a loop's audit trail, oldest first, from the owner of the store. */
export async function reportAudit({ loop, limit, settings }: ReportAuditInput): Promise<RecordedAudit[]> {
  return await connectControl(settings).readAudit({ loop, limit });
}
