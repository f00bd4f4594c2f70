import type { LoopConfig } from '../../config/loop.js';

type Strategy = LoopConfig['selection']['strategy'];

const ENSEMBLE_STRATEGIES: readonly Strategy[] = ['vote-entropy', 'consensus-divergence'];

/** Whether a strategy looks at how the models of an ensemble disagree. */
export const needsEnsemble = (strategy: Strategy): boolean => ENSEMBLE_STRATEGIES.includes(strategy);
