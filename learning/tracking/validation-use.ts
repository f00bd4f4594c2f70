import type { LoopConfig } from '../../config/loop.js';

/** Validations without improvement after which a training ends with its best weights; undefined: it runs to its end. */
export function stoppingPatience({ components, tracking }: LoopConfig): number | undefined {
  return components.tracking && tracking.earlyStopping ? tracking.patience : undefined;
}

/** Whether some of a round's labels validate its trainings. One that does is one label less to learn from. */
export function holdsOut({ components, tracking }: LoopConfig): boolean {
  if (!components.tracking) return false;
  return tracking.holdOut !== 'as-needed' || tracking.earlyStopping || components.tuning;
}
