import type { Store } from '../store/store.js';

/** Who steers a loop, and why; `id` makes a repeated request the same entry of the audit trail. */
export interface Steering {
  id: string;
  actor: string;
  reason: string;
}

export interface ControlActivities {
  /** Notes in the audit trail what somebody had a loop do. */
  recordSteering(request: Steering & { loop: string; action: string }): Promise<void>;
}

/** The store behind the audit trail of a loop's control. */
export function createControlActivities({ store }: { store: Store }): ControlActivities {
  return {
    recordSteering: ({ loop, action, id, actor, reason }) =>
      store.recordAudit({
        key: `loop/${loop}/${action}/${id}`,
        loop,
        actor,
        action,
        subject: loop,
        details: { reason },
      }),
  };
}
