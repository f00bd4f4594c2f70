import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { configHash } from '../../config/hash.js';
import { RatchetError } from '../../config/errors.js';
import type { Engine, Evaluation, TrainHooks, TrainResult, TrainSpec, TrainingRow } from '../api.js';
import { writeAtomic } from '../formats/atomic-write.js';
import { newHeadLabels, readModelConfig } from '../nn/new-head.js';
import { createEngine, type EngineOptions } from '../worker/create-engine.js';

/** What a fine-tuning needs to know; all but the model has a value when left out ({@link FINE_TUNING_DEFAULTS}). */
export interface FineTuningSettings {
  /** Folder with config.json, model.safetensors and tokenizer.json. */
  model: string;
  /** Folder under which every experiment gets one of its own. */
  outputDir: string;
  trainingStrategy: TrainSpec['strategy'];
  maxLength: number;
  learningRate: number;
  numEpochs: number;
  batchSize: number;
  gradientAccumulationSteps: number;
  /** What frozen weights rest in. */
  precision: NonNullable<TrainSpec['parameters']['precision']>;
  loraRank: number;
  loraAlpha: number;
  loraDropout: number;
  /** Which projections get an adapter; null follows the architecture as PEFT does. */
  targetModules: 'all-linear' | string[] | null;
  warmupRatio: number;
  weightDecay: number;
  maxGradientNorm: number;
  checkpointSteps: number;
  seed: number;
  /** How many classes the model has: one without a head for them gets a new one. Null takes those of its config.json. */
  numLabels: number | null;
  /** The classes by name, instead of `numLabels`. */
  labels: string[] | null;
}

/** The values that the documents name, and the engine's own where they name none. */
export const FINE_TUNING_DEFAULTS: Omit<FineTuningSettings, 'model'> = {
  outputDir: 'fine-tuned',
  trainingStrategy: 'lora',
  maxLength: 512,
  learningRate: 2e-4,
  numEpochs: 3,
  batchSize: 4,
  gradientAccumulationSteps: 4,
  precision: 'float32',
  loraRank: 16,
  loraAlpha: 32,
  loraDropout: 0.1,
  targetModules: null,
  warmupRatio: 0.05,
  weightDecay: 0.01,
  maxGradientNorm: 1,
  checkpointSteps: 20,
  seed: 1,
  numLabels: null,
  labels: null,
};

/** A JSONL file of {@link TrainingRow}, or the rows themselves (an id may be left out). */
export type FineTuningData = string | readonly (Omit<TrainingRow, 'id'> & { id?: string })[];

/** How well a model does on held-out rows. */
export interface FineTuningScores {
  /** Share of rows, of a language model of tokens, whose likeliest prediction is right. */
  accuracy: number;
  /** Mean F1 of the classes (macro); null of a language model. */
  f1: number | null;
  evaluation: Evaluation;
}

/**
 * Fine-tunes a model on a file or on rows, and measures it: the engine behind the few settings that most runs differ in.
 * Its engine runs in a thread of its own, which {@link FineTuningTrainer.close} ends.
 *
 * @example
 * const trainer = new FineTuningTrainer({ model: 'models/base', numEpochs: 2 });
 * const { outputDir } = await trainer.train('train.jsonl', 'validation.jsonl', 'first');
 * const { accuracy } = await trainer.evaluateModel('test.jsonl');
 * await trainer.close();
 */
export class FineTuningTrainer {
  readonly config: FineTuningSettings;
  private readonly engine: Engine;
  /** What the next evaluation measures: the base model until something was trained. */
  private trained: { modelDir: string; adapterDir: string | null };

  constructor(config: Partial<FineTuningSettings> & Pick<FineTuningSettings, 'model'>, engine: EngineOptions = {}) {
    this.config = { ...FINE_TUNING_DEFAULTS, ...config };
    this.engine = createEngine(engine);
    this.trained = { modelDir: this.config.model, adapterDir: null };
  }

  /**
   * Trains and writes `outputDir/<experimentName>`: a PEFT folder, or a model folder for strategy full. The same call again
   * goes on from its last checkpoint, and does nothing when it had finished.
   *
   * @throws RatchetError as `trainModel` does
   */
  async train(
    train: FineTuningData,
    evaluation: FineTuningData | null = null,
    experimentName = 'experiment',
    hooks: TrainHooks = {},
  ): Promise<TrainResult> {
    const { config } = this;
    const folder = join(config.outputDir, experimentName);
    const validationFile = evaluation === null ? undefined : await this.fileOf(evaluation);
    const labels = config.labels ?? config.numLabels;
    const newHead =
      labels === null ? null : await newHeadLabels(config.model, await readModelConfig(config.model), labels);
    const spec: TrainSpec = {
      modelDir: config.model,
      ...(newHead && { newHead: { labels: newHead } }),
      strategy: config.trainingStrategy,
      trainFile: await this.fileOf(train),
      ...(validationFile !== undefined && { validationFile }),
      outputDir: folder,
      checkpointDir: `${folder}-checkpoints`,
      checkpointEverySteps: config.checkpointSteps,
      seed: config.seed,
      parameters: { ...config, targetModules: config.targetModules ?? 'auto' },
    };
    const result = await this.engine.train(spec, hooks);
    this.trained =
      spec.strategy === 'full'
        ? { modelDir: result.outputDir, adapterDir: null }
        : { modelDir: config.model, adapterDir: result.outputDir };
    return result;
  }

  /**
   * Measures what was trained last, or the base model, on rows it has not seen.
   * @throws RatchetError `E_CONFIG_INVALID` when the model has not `numLabels` classes, and as `evaluateModel` does
   */
  async evaluateModel(evaluation: FineTuningData): Promise<FineTuningScores> {
    const dataFile = await this.fileOf(evaluation);
    const { maxLength, numLabels } = this.config;
    const result = await this.engine.evaluate({ ...this.trained, dataFile, maxLength });
    const count = result.classes?.names.length ?? 0;
    if (numLabels !== null && numLabels !== count)
      throw new RatchetError('E_CONFIG_INVALID', `numLabels is ${numLabels}, but the model has ${count} classes.`, {
        hint: 'Train it first, which gives it a head of as many, or leave numLabels out.',
      });
    return { accuracy: result.accuracy, f1: result.classes && macroF1(result.classes), evaluation: result };
  }

  /** Ends the engine's thread. */
  close(): Promise<void> {
    return this.engine.close();
  }

  /** Rows become a file named by their content, beside the experiments. */
  private async fileOf(data: FineTuningData): Promise<string> {
    if (typeof data === 'string') return data;
    const rows = data.map((row, i) => ({
      id: row.id ?? String(i + 1),
      prompt: row.prompt,
      completion: row.completion,
      ...(row.fromTemplate !== undefined && { fromTemplate: row.fromTemplate }),
    }));
    const file = join(this.config.outputDir, 'data', `${configHash(rows).slice(0, 12)}.jsonl`);
    await mkdir(join(this.config.outputDir, 'data'), { recursive: true });
    await writeAtomic(file, [Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))]);
    return file;
  }
}

/** Mean over the classes of 2·hits / (predicted + present); 0 for a class that is neither. */
function macroF1({ names, predictions }: NonNullable<Evaluation['classes']>): number {
  const likeliest = predictions.map(({ probabilities }) => probabilities.indexOf(Math.max(...probabilities)));
  const scores = names.map((_, label) => {
    const hits = predictions.filter((row, i) => row.label === label && likeliest[i] === label).length;
    const present = predictions.filter((row) => row.label === label).length;
    const predicted = likeliest.filter((found) => found === label).length;
    return present + predicted === 0 ? 0 : (2 * hits) / (present + predicted);
  });
  return scores.reduce((sum, score) => sum + score, 0) / names.length;
}
