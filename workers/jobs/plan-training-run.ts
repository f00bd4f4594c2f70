import path from 'node:path';
import type { PreparedData } from '../../activities/training-data.js';
import type { FineTuningConfig } from '../../config/fine-tuning.js';
import type { TrainingExample } from '../../datasets/index.js';
import type { ObjectiveSpec, TrainSpec } from '../../engine/index.js';
import type { ModelConfig } from '../../engine/nn/config.js';
import { targetModules } from '../../engine/peft/target-modules.js';
import { warmupSteps, type ScheduleSpec } from '../../engine/optim/schedules/create-schedule.js';
import type { OptimizerSpec } from '../../engine/optim/create-optimizer.js';
import { estimateMemory, type MemoryEstimate } from '../../engine/registry/index.js';
import { availableBytes, memoryQuestion, memoryRefusal, type MemoryRefusal } from '../../engine/train/memory-check.js';

/** What a run will do, known before it starts. */
export interface TrainingPlan {
  config: FineTuningConfig;
  modelDir: string;
  outputDir: string;
  /** The classes of a new classification head; null where the model keeps its own. */
  newHead: string[] | null;
  architecture: string;
  objective: ObjectiveSpec;
  data: Omit<PreparedData, 'objective'>;
  stepsPerEpoch: number;
  totalSteps: number;
  warmupSteps: number;
  memory: MemoryEstimate;
  /** Bytes that the machine has free now. */
  availableMemory: number;
  /** Why the run would be refused, and what would fit. */
  refused: MemoryRefusal | null;
  /** What goes otherwise than asked. */
  notes: string[];
}

/** What a file's rows, the settings and the model make of a run. */
export function planTrainingRun(
  config: FineTuningConfig,
  model: ModelConfig,
  data: PreparedData,
  places: Pick<TrainingPlan, 'modelDir' | 'outputDir' | 'newHead'>,
): TrainingPlan {
  const { objective, ...rest } = data;
  const { sequences } = data.train;
  const batch = Math.min(config.batchSize, sequences);
  const stepsPerEpoch = Math.ceil(sequences / (batch * config.gradientAccumulationSteps));
  const totalSteps = config.maxSteps ?? Math.max(1, Math.ceil(stepsPerEpoch * config.numEpochs - 1e-9));
  const size = {
    ...config,
    config: model,
    strategy: config.trainingStrategy,
    objective,
    batchSize: batch,
    longest: data.train.longest,
    ...(config.trainingStrategy !== 'full' && { modules: targetModules(model, targetsOf(config, model)) }),
    optimizer: config.optimizer as OptimizerSpec | OptimizerSpec['name'],
    precision: precisionOf(config),
    validates: data.validation !== null,
  };
  const availableMemory = availableBytes();
  return {
    config,
    ...places,
    architecture: model.architecture,
    objective,
    data: rest,
    stepsPerEpoch,
    totalSteps,
    warmupSteps: warmupSteps(totalSteps, config.warmupRatio),
    memory: estimateMemory(memoryQuestion(size)),
    availableMemory,
    refused: memoryRefusal(size, availableMemory, 'flags'),
    notes: notesOn(config),
  };
}

/** The type that frozen weights rest in: float32 where they are trained, or PiSSA takes its part out of them. */
const precisionOf = ({
  precision,
  trainingStrategy,
  initialization,
}: FineTuningConfig): FineTuningConfig['precision'] =>
  trainingStrategy === 'full' || initialization === 'pissa' ? 'float32' : precision;

function notesOn(config: FineTuningConfig): string[] {
  const { precision, dataloaderNumWorkers, trainingStrategy } = config;
  const notes = [];
  if (precision !== precisionOf(config))
    notes.push(
      `${precision} was asked for; ${trainingStrategy === 'full' ? 'weights that are trained' : 'the weights that PiSSA changes'} stay in float32.`,
    );
  if (dataloaderNumWorkers > 0)
    notes.push('Data loader workers have nothing to do: rows become tokens once, before the first step.');
  return notes;
}

/** PEFT has no default targets for some architectures; every linear module then gets an adapter. */
function targetsOf({ targetModules: asked }: FineTuningConfig, model: ModelConfig): 'auto' | 'all-linear' | string[] {
  if (asked !== null) return asked;
  try {
    targetModules(model, 'auto');
    return 'auto';
  } catch {
    return 'all-linear';
  }
}

/** What the settings ask to minimise, for a file whose first row is of this kind; null: what the model is made for. */
export function objectiveOf(config: FineTuningConfig, kind: TrainingExample['kind']): ObjectiveSpec | null {
  if (config.task === 'classification') return { kind: 'classification' };
  const asked = config.objective === 'auto' && kind === 'preference' ? 'dpo' : config.objective;
  const beta = config.beta === null ? {} : { beta: config.beta };
  switch (asked) {
    case 'auto':
      return null;
    case 'dpo':
      return config.preferenceLoss === 'sigmoid'
        ? { kind: 'dpo', loss: 'sigmoid', ...beta, labelSmoothing: config.labelSmoothing }
        : { kind: 'dpo', loss: config.preferenceLoss, ...beta };
    case 'simpo':
      return { kind: 'simpo', ...beta, ...(config.gamma !== null && { gamma: config.gamma }) };
    case 'orpo':
      return { kind: 'orpo', ...(config.lambda !== null && { lambda: config.lambda }) };
    case 'distillation': {
      const { temperature, hardWeight, teacher } = config;
      return { kind: 'distillation', teacherDir: path.resolve(teacher ?? ''), temperature, hardWeight };
    }
    default:
      return { kind: asked };
  }
}

/** The engine's specification of a planned run; `folder` keeps its data and checkpoints. */
export function trainSpecOf(plan: TrainingPlan, model: ModelConfig, folder: string): TrainSpec {
  const { config, data, objective } = plan;
  return {
    modelDir: plan.modelDir,
    objective,
    strategy: config.trainingStrategy,
    trainFile: data.train.file,
    ...(plan.newHead && { newHead: { labels: plan.newHead } }),
    ...(data.validation && { validationFile: data.validation.file }),
    outputDir: plan.outputDir,
    checkpointDir: path.join(folder, 'checkpoints'),
    checkpointEverySteps: config.checkpointSteps,
    seed: config.seed,
    shuffleFirstEpoch: !config.curriculum,
    ...(config.evalSteps !== null && { validateEverySteps: config.evalSteps }),
    ...(config.earlyStoppingPatience !== null && { patience: config.earlyStoppingPatience }),
    ...(config.earlyStoppingThreshold > 0 && { minimumImprovement: config.earlyStoppingThreshold }),
    parameters: {
      learningRate: config.learningRate,
      batchSize: config.batchSize,
      gradientAccumulationSteps: config.gradientAccumulationSteps,
      numEpochs: config.numEpochs,
      ...(config.maxSteps !== null && { maxSteps: config.maxSteps }),
      warmupRatio: config.warmupRatio,
      loraRank: config.loraRank,
      loraAlpha: config.loraAlpha,
      loraDropout: config.loraDropout,
      weightDecay: config.weightDecay,
      maxGradientNorm: config.maxGradientNorm,
      maxLength: config.maxLength,
      targetModules: targetsOf(config, model),
      optimizer: config.optimizer as OptimizerSpec | OptimizerSpec['name'],
      schedule: config.schedule as ScheduleSpec | ScheduleSpec['name'],
      useRslora: config.useRslora,
      useDora: config.useDora,
      initialization: config.initialization,
      loraPlusRatio: config.loraPlusRatio,
      packing: config.packing,
      lengthGrouping: config.dynamicBatching,
      gradientCheckpointing: config.gradientCheckpointing,
      ...(precisionOf(config) !== 'float32' && { precision: precisionOf(config) }),
    },
  };
}
