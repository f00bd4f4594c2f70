import { z } from 'zod';
import { ARTIFACT_TYPES, BASE_TYPES } from './domain.js';
import { ProviderConfig } from './provider.js';
import { OPTIMIZERS, SCHEDULES } from './training-choices.js';

const fraction = z.number().min(0).max(1);

/** Lets a rule over several keys run when another key is wrong, so that all faults are reported together. */
const isMap = (payload: { value: unknown }) => typeof payload.value === 'object' && payload.value !== null;

/** How active learning may choose: our weighted sum, or a strategy of the literature. */
export const SELECTION_STRATEGIES = [
  'active-learner',
  'random',
  'entropy',
  'margin',
  'least-confidence',
  'vote-entropy',
  'consensus-divergence',
  'density-weighted',
  'k-center',
  'mmr',
  'facility-location',
  'k-means-plus-plus',
  'badge',
] as const;

const LoopSettings = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'must be lower-case letters, digits and hyphens, at most 63' })
    .default('main')
    .describe('Name of the loop; part of workflow ids and folders.'),
  preset: z
    .enum(['v1', 'v2'])
    .default('v2')
    .describe('What the other settings start from: v1 is the first version of the loop; written keys override it.'),
  seed: z.int().min(0).default(1).describe('Seed of every random stream; two runs with one seed give the same bits.'),
  model: z
    .string()
    .default('models/base')
    .describe('Folder of the base model: config.json, safetensors, tokenizer.json.'),
  rounds: z.int().min(0).default(0).describe('Stop after this many rounds; 0 means run until stopped.'),
  minFeedback: z.int().min(1).default(20).describe('New feedback events that start a round.'),
  strategy: z
    .enum(['lora', 'qlora', 'full'])
    .default('lora')
    .describe('Which weights are trained: an adapter, an adapter on weights kept in 4 bits, or all.'),
  components: z
    .strictObject({
      curriculum: z
        .boolean()
        .default(false)
        .describe(
          'Order examples from easy to hard; off because its easy stage leaves labels unused (docs/claims.md).',
        ),
      activeLearning: z.boolean().default(true).describe('Choose informative examples instead of random ones.'),
      augmentation: z.boolean().default(true).describe('Add label-preserving variants.'),
      hardNegativeMining: z
        .boolean()
        .default(false)
        .describe(
          'Label the hardest failures (score < 60) first; off because it wins no edge case and costs score (docs/claims.md).',
        ),
      tuning: z.boolean().default(false).describe('Search the training parameters of each round.'),
      tracking: z
        .boolean()
        .default(true)
        .describe(
          'Promote only a better model, and validate trainings where that is of use; without it the newest model is used.',
        ),
      preferenceLearning: z
        .boolean()
        .default(false)
        .describe('After the training, learn from pairs of a better and a worse answer (DPO).'),
    })
    .prefault({})
    .describe('Switches of the loop; each can be changed between rounds.'),
  embeddings: z
    .boolean()
    .default(false)
    .describe(
      "Compare texts by the base model's pooled states, too: corrections with outputs, and requests for diversity.",
    ),
  reward: z
    .strictObject({
      scheme: z
        .enum(['continuous', 'buckets'])
        .default('continuous')
        .describe('tanh of the score with decay, difficulty and balance; or four fixed values by score (v1).'),
      similarity: z
        .enum(['combined', 'character'])
        .default('combined')
        .describe('How an output is compared with its correction: edits and BLEU, or edits alone (v1).'),
      trust: z
        .boolean()
        .default(true)
        .describe('Believe sources of feedback, where events name them, as far as they agree with the others.'),
      timeDecayRate: z.number().gt(0).max(1).default(0.95).describe('Reward kept per day of age.'),
      difficultyWeight: z.number().min(1).default(1.5).describe('Factor on a positive reward at difficulty 1.'),
      balanceThreshold: z.int().min(1).default(100).describe('Events of one artifact type above which rewards shrink.'),
      weighExamples: z
        .boolean()
        .default(false)
        .describe('Train on an example as often as its feedback counts: by its age, difficulty and type.'),
    })
    .prefault({})
    .describe('How an event is turned into a reward.'),
  curriculum: z
    .strictObject({
      easy: fraction.default(0.35).describe('Difficulty below this is easy.'),
      medium: fraction.default(0.65).describe('Difficulty below this is medium; the rest is hard.'),
      progression: z.number().min(0).max(100).default(75).describe('Average score that must be exceeded to advance.'),
      evaluations: z.int().min(1).default(3).describe('Evaluations in a row above it before the stage advances.'),
    })
    .refine((curriculum) => !(curriculum.easy >= curriculum.medium), {
      error: 'easy must be below medium',
      when: isMap,
    })
    .prefault({})
    .describe('Bands of difficulty and when the stage advances.'),
  selection: z
    .strictObject({
      budget: z.int().min(1).default(30).describe('Examples chosen a round.'),
      uncertainty: fraction.default(0.4).describe("Weight of the model's uncertainty."),
      diversity: fraction.default(0.3).describe('Weight of the distance to what was chosen before.'),
      quality: fraction.default(0.3).describe('Weight of the quality of the feedback.'),
      strategy: z
        .enum(SELECTION_STRATEGIES)
        .default('active-learner')
        .describe('How active learning chooses; active-learner weighs uncertainty, diversity and quality.'),
      ensemble: z
        .int()
        .min(2)
        .max(8)
        .default(3)
        .describe("Newest models that answer for the strategies which look at an ensemble's disagreement."),
      keepAccepted: z
        .boolean()
        .default(true)
        .describe(
          'Train on answers that users accepted in full as well, at most as many as the budget; no label is spent.',
        ),
      fallback: z
        .boolean()
        .default(false)
        .describe('Keep a random slice and let the strategy lead only while it does better than that.'),
    })
    .prefault({})
    .describe('Which candidates are worth training on.'),
  augmentation: z
    .strictObject({
      factor: z.number().min(1).max(5).default(4).describe('Size of the augmented set over the original one.'),
      backTranslation: z
        .boolean()
        .default(false)
        .describe('Add requests that the provider has translated to French and back.'),
      provider: ProviderConfig.optional().describe('Language model that translates.'),
    })
    .refine((augmentation) => !augmentation.backTranslation || augmentation.provider !== undefined, {
      error: 'backTranslation needs a provider',
      when: isMap,
    })
    .prefault({})
    .describe('How much the training set grows.'),
  batching: z
    .strictObject({
      min: z.int().min(1).default(20).describe('Fewest examples a round trains on.'),
      max: z.int().min(1).default(100).describe('Most examples a round trains on.'),
      default: z.int().min(1).default(50).describe('Examples a round trains on before the factors.'),
      targetQuality: fraction.default(0.7).describe('Average quality at which the quality factor is neutral.'),
    })
    .refine((batching) => !(batching.min > batching.max), { error: 'min must not exceed max', when: isMap })
    .prefault({})
    .describe('How many examples a round trains on.'),
  gate: z
    .strictObject({
      minLabelScore: z
        .number()
        .min(0)
        .max(100)
        .default(70)
        .describe('An accepted answer below this never becomes a label.'),
      minGroundedness: fraction.default(0.5).describe('Share of identifiers that must come from the request.'),
      checks: z
        .array(z.enum(['non-empty', 'score', 'groundedness', 'duplicate']))
        .default(['non-empty', 'score', 'groundedness', 'duplicate'])
        .describe('What a label is checked for, in this order.'),
    })
    .prefault({})
    .describe('What may become a label.'),
  tracking: z
    .strictObject({
      validationRatio: z
        .number()
        .gt(0)
        .lt(1)
        .default(0.2)
        .describe('Share of the examples kept for validation, stratified.'),
      holdOut: z
        .enum(['as-needed', 'newest', 'fixed'])
        .default('as-needed')
        .describe(
          "What that share is of: the newest round's, which train from the next round on; or all, and never train. As needed: the newest round's where tuning or early stopping looks at it, else nothing, for what validates does not teach (docs/claims.md).",
        ),
      successThreshold: z
        .number()
        .min(0)
        .max(100)
        .default(70)
        .describe('Score from which an answer counts as a success.'),
      earlyStopping: z
        .boolean()
        .default(false)
        .describe(
          'End a training run once its validation loss no longer falls, with the weights of the least; off because a rising loss is not a falling score (docs/claims.md).',
        ),
      patience: z
        .int()
        .min(1)
        .default(3)
        .describe('Validations of a run (or rounds of a trend) without improvement that count as its end.'),
      gate: z
        .enum(['mean', 'sequential'])
        .default('mean')
        .describe('Promote on a higher mean validation score, or only on proof by a paired sequential test.'),
      alpha: z.number().gt(0).lt(1).default(0.05).describe('Error of the sequential test and of the rollback.'),
      minimumGain: z.number().min(0).default(0).describe('Points that the sequential test must prove as the gain.'),
      maximumPairs: z
        .int()
        .min(1)
        .default(600)
        .describe('Validation requests both models answer at most before the sequential test gives up.'),
      rollback: z
        .boolean()
        .default(false)
        .describe('Bring the former champion back when the users score the new one worse.'),
      approval: z.boolean().default(false).describe('Ask a person before a model becomes champion.'),
      approvalTimeoutHours: z
        .number()
        .positive()
        .default(24)
        .describe('Without an answer for this long the champion stays.'),
    })
    .prefault({})
    .describe('Split, success, early stopping, promotion and rollback.'),
  tuning: z
    .strictObject({
      trials: z.int().min(1).default(50).describe('Trainings a round that try parameters.'),
      sampler: z
        .enum(['default', 'tpe', 'tpe-univariate', 'gaussian-process', 'random', 'quasi-random'])
        .default('default')
        .describe('What proposes parameters; default is the Gaussian process, and TPE for more than 100 trials.'),
      pruner: z
        .enum(['none', 'median', 'successive-halving', 'hyperband', 'asha'])
        .default('asha')
        .describe(
          'What stops bad trials after their first, second, fourth … epoch; asha trains all for one epoch instead, and only the best fifth anew for longer.',
        ),
      parallel: z.int().min(1).max(32).default(1).describe('Trials that run at once.'),
      warmStart: z
        .int()
        .min(0)
        .default(3)
        .describe('Best trials of earlier rounds that are tried first; 0 starts anew.'),
      space: z
        .partialRecord(
          z.enum(['learningRate', 'batchSize', 'numEpochs', 'warmupRatio', 'loraRank', 'loraAlpha']),
          z.tuple([z.number().min(0), z.number().positive()]),
        )
        .default({})
        .describe('Lowest and highest value of a parameter, where not those of the standard search space.'),
    })
    .prefault({})
    .describe('The search for training parameters, when components.tuning is on.'),
  training: z
    .strictObject({
      learningRate: z.number().positive().default(2e-4).describe('Peak learning rate.'),
      batchSize: z.int().min(1).default(4).describe('Examples in a forward pass.'),
      gradientAccumulationSteps: z.int().min(1).default(4).describe('Forward passes in an optimizer step.'),
      numEpochs: z.number().positive().default(3).describe('Passes over the examples.'),
      warmupRatio: z
        .number()
        .min(0)
        .max(1)
        .default(0.05)
        .describe('Share of the steps over which the learning rate rises.'),
      loraRank: z.int().min(1).default(16).describe('Rank of the adapter matrices.'),
      loraAlpha: z.number().positive().default(32).describe('The adapter is scaled by alpha / rank.'),
      loraDropout: z.number().min(0).lt(1).default(0.1).describe('Dropout in front of the adapter.'),
      weightDecay: z.number().min(0).default(0.01).describe('Decoupled weight decay of AdamW.'),
      maxGradientNorm: z.number().positive().default(1).describe('Gradients are clipped to this global norm.'),
      maxLength: z.int().min(8).default(512).describe('Tokens of prompt and completion; longer rows are cut.'),
      targetModules: z
        .union([z.literal('auto'), z.literal('all-linear'), z.array(z.string())])
        .default('auto')
        .describe('Which projections get an adapter; auto follows the architecture as PEFT does.'),
      checkpointEverySteps: z.int().min(1).default(20).describe('Optimizer steps between two checkpoints.'),
      optimizer: z.enum(OPTIMIZERS).default('adamw').describe('How gradients become updates.'),
      schedule: z
        .enum(SCHEDULES)
        .default('linear')
        .describe('How the learning rate changes; three_phase explores, exploits and refines.'),
      packing: z.boolean().default(false).describe('Several rows in one sequence, which do not see each other.'),
      lengthGrouping: z.boolean().default(false).describe('Steps of rows of similar length, so that less is padded.'),
      gradientCheckpointing: z
        .boolean()
        .default(false)
        .describe('Compute activations a second time instead of keeping them: less memory, more time.'),
      useRslora: z.boolean().default(false).describe('Scale the adapter by alpha / √rank.'),
      useDora: z
        .boolean()
        .default(false)
        .describe('Train the length of each row of a weight apart from its direction.'),
      initialization: z
        .enum(['default', 'pissa'])
        .default('default')
        .describe('Start an adapter from no change, or from the largest singular values of the weight.'),
      loraPlusRatio: z
        .number()
        .positive()
        .default(1)
        .describe("LoRA+: learning rate of the adapter's second matrix as a multiple of the first's."),
      dataParallel: z
        .strictObject({
          workers: z
            .int()
            .min(1)
            .max(64)
            .default(1)
            .describe('Gpu workers that share a training, each with its part of the rows and of every update.'),
          localSteps: z.int().min(1).default(5).describe('Optimizer steps of each worker between two averages.'),
          outer: z
            .strictObject({
              kind: z
                .enum(['average', 'nesterov'])
                .default('average')
                .describe('How adapters are brought together; nesterov is DiLoCo.'),
              learningRate: z
                .number()
                .min(0)
                .default(0)
                .describe('Of the step to the mean, 1 goes all the way; 0 takes √workers, and 0.7 with nesterov.'),
              momentum: z.number().min(0).lt(1).default(0.9).describe('Momentum of nesterov.'),
            })
            .prefault({})
            .describe('The outer optimizer.'),
        })
        .prefault({})
        .describe('One training on several workers; with one worker nothing is shared.'),
    })
    .prefault({})
    .describe('Hyperparameters of a training run.'),
  preference: z
    .strictObject({
      inputs: z
        .int()
        .min(0)
        .default(60)
        .describe('Requests of a round that the champion answers again; 0 takes pairs from feedback alone.'),
      samples: z.int().min(2).max(5).default(4).describe('Answers to each of them.'),
      temperature: z.number().positive().max(5).default(1).describe('Temperature they are drawn with.'),
      minimumLead: z
        .number()
        .min(0)
        .max(100)
        .default(0)
        .describe('Points by which the better answer of a pair must lead; equal scores never make a pair.'),
      minimumPairs: z.int().min(1).default(20).describe('With fewer pairs a round learns none.'),
      maximumPairs: z.int().min(1).default(500).describe('Pairs a round learns at most.'),
      loss: z.enum(['sigmoid', 'ipo', 'hinge']).default('sigmoid').describe("DPO's loss."),
      beta: z.number().positive().default(0.1).describe('How closely the model is held to the reference.'),
      learningRate: z.number().positive().default(5e-5).describe('Peak learning rate.'),
      batchSize: z.int().min(1).default(8).describe('Pairs in a forward pass.'),
      numEpochs: z.number().positive().default(1).describe('Passes over the pairs.'),
    })
    .prefault({})
    .describe("Learning from pairs, when components.preferenceLearning is on; the reference is the round's adapter."),
  simulatedUsers: z
    .strictObject({
      requests: z.int().min(20).default(240).describe('Requests a round that the simulated users make.'),
      wrongLabels: fraction.default(0.05).describe('Share of corrections that are wrong.'),
      testSpecifications: z.int().min(10).default(300).describe('Held-out specifications the tracker evaluates on.'),
      artifactTypes: z
        .array(z.enum(ARTIFACT_TYPES))
        .min(1)
        .refine((types) => new Set(types).size === types.length, 'names a type twice')
        .default([...BASE_TYPES])
        .describe('Types that the simulated users ask for and the tracker evaluates on, each as often as the others.'),
      changeConvention: z
        .boolean()
        .default(false)
        .describe('Half of the first feedback is from before all users began to keep amounts as integers.'),
    })
    .optional()
    .describe("A simulated annotator (the validator and the generator's reference) plays the users."),
});

/** Everything that decides what a loop does. Stored, with its hash, with every round. */
export const LoopConfig = LoopSettings.refine(
  ({ strategy, training }) => !(strategy === 'full' && training?.dataParallel?.workers > 1),
  {
    error: 'several workers share the training of an adapter; strategy full has none',
    path: ['training', 'dataParallel', 'workers'],
    when: isMap,
  },
);
export type LoopConfig = z.infer<typeof LoopConfig>;
