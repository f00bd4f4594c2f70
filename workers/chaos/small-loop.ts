/** Optimizer steps between two checkpoints of the small loop: what a fault may cost at most. */
export const CHECKPOINT_EVERY_STEPS = 2;

/** The demo made small: two short rounds that train, save and promote, so that it can be run, and killed, many times. */
export const SMALL_LOOP = {
  loop: {
    name: 'demo',
    seed: 7,
    rounds: 2,
    components: { curriculum: false },
    selection: { budget: 32, keepAccepted: false },
    tracking: { holdOut: 'fixed' as const },
    augmentation: { factor: 1.5 },
    batching: { min: 10 },
    simulatedUsers: { requests: 48, testSpecifications: 10 },
    training: {
      learningRate: 0.003,
      batchSize: 8,
      gradientAccumulationSteps: 1,
      numEpochs: 2,
      loraDropout: 0,
      maxLength: 256,
      targetModules: 'all-linear',
      checkpointEverySteps: CHECKPOINT_EVERY_STEPS,
    },
  },
  workers: { heartbeatTimeoutSeconds: 5 },
  server: { port: 0, ui: false },
};
