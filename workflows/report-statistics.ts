import type { Statistics } from '../store/types.js';
import { connectActivities, type WorkflowSettings } from './proxies.js';

export interface ReportStatisticsInput {
  loop: string;
  settings: WorkflowSettings;
}

/** R12: the counts of a loop, from the owner of the store. */
export async function reportStatistics({ loop, settings }: ReportStatisticsInput): Promise<Statistics> {
  return await connectActivities(settings).store.loopStatistics({ loop });
}
