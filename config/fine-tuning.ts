import { z } from 'zod';
import { OPTIMIZERS, SCHEDULES } from './training-choices.js';

/** A named thing with settings of its own, which the engine checks. */
const named = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.union([z.enum(names), z.looseObject({ name: z.enum(names) })]);

const share = z.number().min(0).lt(1);
const count = z.int().min(1);

const common = {
  name: z.string().default('').describe('Name of the experiment.'),
  description: z.string().default('').describe('What the experiment is for.'),
  trainingStrategy: z.enum(['lora', 'qlora', 'full']).default('lora').describe('Which weights are trained.'),
  maxLength: count.min(2).default(512).describe('Tokens of a row; longer ones are cut, never in an answer.'),
  learningRate: z.number().positive().default(2e-4).describe('Largest learning rate.'),
  numEpochs: z.number().positive().default(3).describe('Passes over the rows.'),
  maxSteps: count.nullable().default(null).describe('Optimizer steps of the run, instead of epochs.'),
  gradientAccumulationSteps: count.default(4).describe('Forward passes in an optimizer step.'),
  gradientCheckpointing: z.boolean().default(false).describe('Compute activations twice instead of keeping them.'),
  precision: z
    .enum(['float32', 'float16', 'bfloat16'])
    .default('float32')
    .describe('Type that frozen weights rest in: 16 bits halve their memory and round them; arithmetic is float32.'),
  device: z
    .enum(['cpu', 'auto', 'cuda', 'webgpu', 'tfjs-node-gpu', 'tfjs-node'])
    .default('cpu')
    .describe('Where the run is computed; auto takes a GPU that is clearly faster. Bits are equal on one device only.'),
  useGpu: z
    .boolean()
    .nullable()
    .default(null)
    .describe('true wants a GPU and fails without one, false forces the cpu; null leaves it to the device.'),
  dataloaderNumWorkers: z
    .int()
    .min(0)
    .default(0)
    .describe('Accepted for old configurations: rows become tokens once, before the first step.'),
  packing: z.boolean().default(false).describe('Several rows in one sequence, apart from each other.'),
  dynamicBatching: z.boolean().default(false).describe('Rows of like length together, so that less is padded.'),
  curriculum: z.boolean().default(false).describe('Take the first epoch from short rows to long ones.'),
  warmupRatio: z.number().min(0).max(1).default(0.05).describe('Share of the steps over which the rate rises.'),
  schedule: named(SCHEDULES).default('linear').describe('How the learning rate changes.'),
  optimizer: named(OPTIMIZERS).default('adamw').describe('How gradients become updates.'),
  weightDecay: z.number().min(0).default(0.01).describe('Decoupled weight decay.'),
  maxGradientNorm: z.number().positive().default(1).describe('Gradients are clipped to this global norm.'),
  loraRank: count.default(16).describe('Rank of the adapter matrices.'),
  loraAlpha: z.number().positive().default(32).describe('The adapter is scaled by alpha / rank.'),
  loraDropout: share.default(0.1).describe('Dropout in front of the adapter.'),
  targetModules: z
    .union([z.literal('all-linear'), z.array(z.string()).min(1)])
    .nullable()
    .default(null)
    .describe('Which projections get an adapter; null follows the architecture as PEFT does.'),
  useRslora: z.boolean().default(false).describe('Scale the adapter by alpha / √rank.'),
  useDora: z.boolean().default(false).describe('Train the length of each row of a weight apart from its direction.'),
  initialization: z
    .enum(['default', 'pissa'])
    .default('default')
    .describe('Start the adapter from no change, or from the largest singular values.'),
  loraPlusRatio: z.number().positive().default(1).describe("LoRA+: B's learning rate as a multiple of A's."),
  evalRatio: share.default(0.1).describe('Share of the rows held out for validation.'),
  evalSteps: count.nullable().default(null).describe('Optimizer steps between validations; null: one an epoch.'),
  loggingSteps: count.default(10).describe('Steps between two printed lines where no bar can be drawn.'),
  checkpointSteps: count.default(20).describe('Optimizer steps between two checkpoints.'),
  earlyStoppingPatience: count
    .nullable()
    .default(null)
    .describe('Validations without improvement before the run stops and takes the best weights; null: never.'),
  earlyStoppingThreshold: z
    .number()
    .min(0)
    .default(0)
    .describe('A lower loss counts when it is lower by more than this.'),
  seed: z.int().min(0).default(1).describe('Seed of every random stream.'),
};

const Generation = z.strictObject({
  task: z.literal('generation'),
  model: z.string().min(1).default('microsoft/DialoGPT-medium').describe('Model folder, hub repository or known id.'),
  batchSize: count.default(4).describe('Rows of a forward pass.'),
  objective: z
    .enum(['auto', 'causal', 'seq2seq', 'dpo', 'simpo', 'orpo', 'distillation'])
    .default('auto')
    .describe('What is minimised; auto follows the rows and the model.'),
  preferenceLoss: z.enum(['sigmoid', 'ipo', 'hinge']).default('sigmoid').describe("DPO's loss."),
  beta: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe("DPO, SimPO: weight of the log-ratio; null: the method's own."),
  labelSmoothing: z.number().min(0).lt(0.5).default(0).describe('DPO: share of pairs taken to be the wrong way round.'),
  gamma: z.number().min(0).nullable().default(null).describe("SimPO's margin."),
  lambda: z.number().min(0).nullable().default(null).describe("ORPO: weight of the odds ratio's loss."),
  teacher: z.string().nullable().default(null).describe('Distillation: model folder of the teacher.'),
  temperature: z.number().positive().default(2).describe('Distillation: softens both distributions.'),
  hardWeight: z.number().min(0).max(1).default(0.5).describe("Distillation: share of the labels' own loss."),
  ...common,
});

const Classification = z.strictObject({
  task: z.literal('classification'),
  model: z.string().min(1).default('distilbert-base-uncased').describe('Model folder, hub repository or known id.'),
  batchSize: count.default(16).describe('Rows of a forward pass.'),
  labels: z
    .union([count, z.array(z.string().min(1)).min(1)])
    .nullable()
    .default(null)
    .describe('Classes: their names, or how many. A model without a head for them gets a new one; null: its own.'),
  objective: z.enum(['auto', 'classification']).default('auto').describe('What is minimised.'),
  ...common,
});

/** Everything that decides what `ratchet train` does besides its files (requirements T3, T9, T13). */
export const FineTuningConfig = z.discriminatedUnion('task', [Generation, Classification]);
export type FineTuningConfig = z.infer<typeof FineTuningConfig>;

/** The schema of one task. */
export const fineTuningSchema = (task: FineTuningConfig['task']) =>
  task === 'generation' ? Generation : Classification;
