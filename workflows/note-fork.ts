import type { ControlActivities, Steering } from '../activities/control.js';
import { connectControl, type WorkflowSettings } from './proxies.js';

/** That somebody trains on from a round of a loop with other settings. */
export interface ForkNote extends Steering {
  loop: string;
  round: number;
  /** What was changed, and where the fork is. */
  details: { changes: Record<string, string>; outputDir: string };
}

export interface NoteForkInput extends ForkNote {
  settings: WorkflowSettings;
}

/** Notes a fork in the loop's audit trail. */
export async function noteFork({ settings, ...note }: NoteForkInput): Promise<void> {
  await connectControl(settings).recordSteering(forkNote(note));
}

/** The entry of the audit trail. */
export function forkNote({ loop, round, ...by }: ForkNote): Parameters<ControlActivities['recordSteering']>[0] {
  return { ...by, loop, action: 'fork', subject: `round ${round}` };
}
