import type { OptimizerName } from '../engine/optim/create-optimizer.js';
import type { ScheduleName } from '../engine/optim/schedules/create-schedule.js';

/** What a configuration may name; the engine has one implementation of each. */
export const SCHEDULES = [
  'constant',
  'constant_with_warmup',
  'linear',
  'cosine',
  'cosine_with_restarts',
  'cosine_with_min_lr',
  'polynomial',
  'inverse_sqrt',
  'warmup_stable_decay',
  'three_phase',
] as const satisfies readonly ScheduleName[];

export const OPTIMIZERS = ['adamw', 'sgd', 'lion', 'adafactor'] as const satisfies readonly OptimizerName[];
