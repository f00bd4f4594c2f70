import type { LoopConfig } from '../config/loop.js';

/** The defaults of the settings that loops of version 0.1 were started without. */
const LATER_SETTINGS = {
  preset: 'v2',
  embeddings: false,
  components: { tuning: false, tracking: true },
  reward: { scheme: 'continuous', similarity: 'combined', trust: true, weighExamples: false },
  selection: { strategy: 'active-learner', ensemble: 3, keepAccepted: false, fallback: false },
  augmentation: { backTranslation: false },
  gate: { checks: ['non-empty', 'score', 'groundedness', 'duplicate'] },
  tracking: {
    holdOut: 'fixed',
    earlyStopping: true,
    gate: 'mean',
    alpha: 0.05,
    minimumGain: 0,
    maximumPairs: 600,
    rollback: false,
    approval: false,
    approvalTimeoutHours: 24,
  },
  preference: {
    inputs: 60,
    samples: 4,
    temperature: 1,
    minimumLead: 0,
    minimumPairs: 20,
    maximumPairs: 500,
    loss: 'sigmoid',
    beta: 0.1,
    learningRate: 5e-5,
    batchSize: 8,
    numEpochs: 1,
  },
  training: {
    dataParallel: { workers: 1, localSteps: 5, outer: { kind: 'average', learningRate: 0, momentum: 0.9 } },
  },
  tuning: { trials: 50, sampler: 'default', pruner: 'median', parallel: 1, warmStart: 3, space: {} },
} as const;

/** The same of the simulated users, for loops that have them. */
const LATER_USERS = { artifactTypes: ['erd', 'code_prototype', 'architecture'], changeConvention: false } as const;

/**
 * A configuration with every setting of today. A loop keeps the one it was started with, perhaps by an earlier version:
 * what that version did not know is as it was then.
 */
export function completeConfig(config: LoopConfig): LoopConfig {
  const later = config.simulatedUsers === undefined ? {} : { simulatedUsers: LATER_USERS };
  return fill({ ...LATER_SETTINGS, ...later }, config) as LoopConfig;
}

function fill(defaults: object, given: object): object {
  const filled: Record<string, unknown> = { ...defaults, ...given };
  for (const [key, value] of Object.entries(defaults)) {
    const own = (given as Record<string, unknown>)[key];
    if (isMap(value) && isMap(own)) filled[key] = fill(value, own);
  }
  return filled;
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
