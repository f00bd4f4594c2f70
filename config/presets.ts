import type { z } from 'zod';
import type { LoopConfig } from './loop.js';

/**
 * Where the settings of a loop start from. `v1` is the first version of the loop (requirement R13) as a configuration of
 * today's workflows: discrete rewards, character similarity, batches of 50 drawn at random, fixed training parameters,
 * two quality gates, and the newest model in use. `v2` is the schema's defaults.
 */
export const PRESETS: Record<LoopConfig['preset'], z.input<typeof LoopConfig>> = {
  v1: {
    components: {
      curriculum: false,
      activeLearning: false,
      augmentation: false,
      hardNegativeMining: false,
      tuning: false,
      tracking: false,
    },
    reward: { scheme: 'buckets', similarity: 'character' },
    selection: { budget: 50, keepAccepted: false },
    batching: { min: 50, max: 50, default: 50 },
    gate: { minLabelScore: 70, checks: ['non-empty', 'score'] },
  },
  v2: {},
};
