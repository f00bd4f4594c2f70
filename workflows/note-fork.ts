import type { Steering } from '../activities/control.js';
import { connectControl, type WorkflowSettings } from './proxies.js';

export interface NoteForkInput extends Steering {
  loop: string;
  round: number;
  /** What was changed, and where the fork is. */
  details: { changes: Record<string, string>; outputDir: string };
  settings: WorkflowSettings;
}

/** Notes in a loop's audit trail that somebody trains on from one of its rounds with other settings. */
export async function noteFork({ loop, round, settings, ...by }: NoteForkInput): Promise<void> {
  await connectControl(settings).recordSteering({ ...by, loop, action: 'fork', subject: `round ${round}` });
}
