import type { ExampleRow, TrainingParameters } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';

/** One row as the engine takes it. */
export interface TrainingRow {
  id: string;
  prompt: string;
  completion: string;
  /** How often the row is drawn beside the others; 1 when absent. */
  weight?: number;
}

export interface TrainingPlan {
  /** In the order of the first epoch. */
  train: TrainingRow[];
  /** Rows of the validation split, by id. */
  validation: TrainingRow[];
  /** The engine keeps the order of the file in its first epoch when this is false. */
  shuffleFirstEpoch: boolean;
  /** Optimizer steps of one epoch and of the run, if no validation stops it early. */
  stepsPerEpoch: number;
  totalSteps: number;
}

export interface PlanOptions {
  examples: readonly ExampleRow[];
  parameters: Pick<TrainingParameters, 'batchSize' | 'gradientAccumulationSteps' | 'numEpochs'>;
  /** True: the first epoch goes from easy to hard; false: a seeded shuffle. */
  curriculum: boolean;
  seed: number;
  /** How often an example is drawn beside the others, above 0; all alike when absent. */
  weightOf?: (row: ExampleRow) => number;
}

/**
 * What one training run reads, in which order, and how long it takes. Depends on the ids and the seed, not on the order
 * of the examples. An epoch has ⌈⌈rows ÷ minibatch⌉ ÷ accumulation⌉ optimizer steps.
 * @throws RatchetError E_DATA_INVALID when there is no training row or an id occurs twice.
 */
export function planTraining(options: PlanOptions): TrainingPlan {
  const rows = [...options.examples].sort((a, b) => (a.id < b.id ? -1 : 1));
  const twice = rows.find((row, place) => rows[place + 1]?.id === row.id);
  if (twice !== undefined) {
    throw new RatchetError('E_DATA_INVALID', `training: example ${twice.id} occurs twice`, {
      hint: 'An example belongs to one batch of a round.',
    });
  }
  const train = rows.filter((row) => row.split === 'train');
  if (train.length === 0) {
    throw new RatchetError('E_DATA_INVALID', `training: none of ${rows.length} examples is in the training split`, {
      hint: 'Wait for more feedback before training.',
    });
  }
  const { batchSize, gradientAccumulationSteps, numEpochs } = options.parameters;
  const ordered = options.curriculum
    ? [...train].sort((a, b) => a.difficulty - b.difficulty)
    : stream(options.seed, 'training', 'order').shuffle(train);
  const stepsPerEpoch = Math.ceil(Math.ceil(train.length / batchSize) / gradientAccumulationSteps);
  return {
    train: ordered.map((row) => toTrainingRow(row, options.weightOf?.(row))),
    validation: rows.filter((row) => row.split === 'validation').map((row) => toTrainingRow(row)),
    shuffleFirstEpoch: !options.curriculum,
    stepsPerEpoch,
    totalSteps: Math.ceil(stepsPerEpoch * numEpochs),
  };
}

function toTrainingRow(row: ExampleRow, weight?: number): TrainingRow {
  return { id: row.id, prompt: row.input, completion: row.target, ...(weight !== undefined && { weight }) };
}
