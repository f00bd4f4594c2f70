import type { DeviceName } from './devices/index.js';
import type { ObjectiveSpec } from './objectives/objective-spec.js';
import type { WeightPrecision } from './quantization/half-weights.js';
import type { OptimizerName, OptimizerSpec } from './optim/create-optimizer.js';
import type { ScheduleName, ScheduleSpec } from './optim/schedules/create-schedule.js';

/** Host-side tensor: what crosses every boundary of the engine. `bool` is stored as 0/1 bytes, float16 as raw bits. */
export interface HostTensor {
  dtype: 'float32' | 'int32' | 'bool' | 'float16' | 'uint8' | 'int64';
  shape: number[];
  data: Float32Array | Int32Array | Uint8Array | Uint16Array | BigInt64Array;
}

/** A row that is drawn more or less often than others. */
export interface WeighedRow {
  /** How often an epoch draws the row beside the others, above 0; 1 when left out. An epoch keeps its number of rows. */
  weight?: number;
}

export interface TrainingRow extends WeighedRow {
  id: string;
  prompt: string;
  completion: string;
  /** A chat template wrote the prompt: the tokenizer puts no begin token in front. */
  fromTemplate?: boolean;
}

/** A conversation: the model's chat template writes it, and what the assistant says is learned. */
export interface ChatRow extends WeighedRow {
  id: string;
  /** A turn with `weight` 0 is read, not learned. */
  messages: { role: string; content: unknown; weight?: number; [field: string]: unknown }[];
  /** JSON schemas of functions that the model may call. */
  tools?: object[];
}

/** A text of which every token is learned. */
export interface TextRow extends WeighedRow {
  id: string;
  text: string;
}

/** What a causal model can be trained on. */
export type CausalRow = TrainingRow | ChatRow | TextRow;

export interface TrainSpec {
  /** Folder with config.json, model.safetensors, tokenizer.json. */
  modelDir: string;
  /** What the model is made for, when left out: next tokens, the target text or the class. */
  objective?: ObjectiveSpec;
  /**
   * Classifiers: a new head for these classes, drawn with `seed`, in place of the file's, if it has one. The adapter's (or
   * model's) folder then names them in a config.json, and keeps the whole head. Not with a model to continue from.
   */
  newHead?: { labels: string[] };
  /** `qlora`: an adapter on weights kept as NF4 with double quantisation, 4.13 bits each. */
  strategy: 'lora' | 'qlora' | 'full';
  /** PEFT folder to continue from (lora) or model folder (full). */
  initialAdapterDir?: string;
  /** JSONL files of the rows that the objective reads (see {@link ObjectiveSpec}), in training order of the first epoch. */
  trainFile: string;
  validationFile?: string;
  /** Where the finished PEFT folder (or model folder) is written, atomically. */
  outputDir: string;
  checkpointDir: string;
  checkpointEverySteps: number;
  /** Hash of the checkpoint of another run that this one went on from. */
  origin?: string;
  seed: number;
  parameters: {
    learningRate: number;
    batchSize: number;
    gradientAccumulationSteps: number;
    numEpochs: number;
    /** Ends after this many optimizer steps instead of `numEpochs`. */
    maxSteps?: number;
    warmupRatio: number;
    loraRank: number;
    loraAlpha: number;
    loraDropout: number;
    weightDecay: number;
    maxGradientNorm: number;
    maxLength: number;
    targetModules: 'auto' | 'all-linear' | string[];
    /** AdamW when left out. */
    optimizer?: OptimizerSpec | OptimizerName;
    /** `linear` when left out; its warm-up is `warmupRatio`. */
    schedule?: ScheduleSpec | ScheduleName;
    /** False exempts vectors and scalars from the decay; true when left out. */
    decayNormsAndBiases?: boolean;
    /** Scale B·A by alpha / √rank instead of alpha / rank. */
    useRslora?: boolean;
    /** Train the length of each row of W + B·A apart from its direction. */
    useDora?: boolean;
    /** `pissa` starts the adapter from the largest singular values of W; `default` from no change. */
    initialization?: 'default' | 'pissa';
    /** LoRA+: learning rate of B as a multiple of A's; 1 when left out. */
    loraPlusRatio?: number;
    /** Modules that are trained and saved in full beside the adapter; a classification head always is. */
    modulesToSave?: string[];
    /** `tokens` (when left out) weighs all scored tokens of a step alike, `mean` averages the micro-batches' means. */
    accumulation?: 'tokens' | 'mean';
    /** Rows of a step share sequences instead of being padded; each still sees itself alone. Causal language models. */
    packing?: boolean;
    /** Steps of rows of similar length: faster, but on small data the model swings between kinds of rows. */
    lengthGrouping?: boolean;
    /** Compute each layer a second time in the backward pass instead of keeping its activations: less memory, more time. */
    gradientCheckpointing?: boolean;
    /**
     * What the frozen weights of lora (and what qlora does not pack) rest in: 16 bits halve their memory, and round them.
     * The adapter, norms and biases stay in float32, and so does all arithmetic. Float32 when left out.
     */
    precision?: WeightPrecision;
  };
  /** Optimizer steps between two validations; one an epoch when left out. The last step is always followed by one. */
  validateEverySteps?: number;
  /** Validations without improvement before stopping; the best weights are restored. */
  patience?: number;
  /** A validation loss counts as better when it is lower by more than this; 0 when left out. */
  minimumImprovement?: number;
  /** Shuffle each epoch with the stream (seed, epoch, 'order'); false keeps the file's order (curriculum) in the first epoch. */
  shuffleFirstEpoch?: boolean;
  /**
   * Leaves out, and names in the result, rows that cannot be trained on, such as one whose answer alone is longer than
   * `maxLength`. Without it, and where no other row is left, the first such row fails the run with `E_DATA_INVALID`.
   */
  leaveOutUnfitRows?: boolean;
  /** Trains only some rows for some steps: one worker's part of a training that several share. */
  segment?: TrainSegment;
}

/**
 * One worker's local steps between two meetings of a data-parallel training. It starts from the weights of
 * `initialAdapterDir` (a new adapter where there is none) with its own optimizer as it was after the segment before. Its
 * output folder holds the optimizer beside the weights. `parameters.maxSteps` counts the steps of the whole training, which
 * the schedule runs over.
 */
export interface TrainSegment {
  /** This worker trains the rows whose place in the file is `shard` modulo `shards`; 0 … shards − 1. */
  shard: number;
  shards: number;
  /** Steps of the whole training done before, and those it ends at; equal: nothing is trained, only validated. */
  from: number;
  to: number;
  /** Output folder of this shard's segment before; a fresh optimizer where there is none. */
  previousDir?: string;
}

export interface StepReport {
  step: number;
  totalSteps: number;
  loss: number;
  gradientNorm: number;
  learningRate: number;
  /** Scored (label) tokens of the step. */
  tokens: number;
  /** Means of what the objective reports beside its loss: rewards and accuracy of preferences, correct classes. */
  measures?: Record<string, number>;
  milliseconds: number;
}

export interface CheckpointReference {
  step: number;
  path: string;
  sha256: string;
}

/** A row of a training or validation file that was left out. */
export interface UnfitRow {
  id: string;
  reason: string;
}

export interface TrainResult {
  steps: number;
  trainLoss: number;
  validationLoss: number | null;
  bestStep: number;
  stoppedEarly: boolean;
  /** SHA-256 of the written adapter_model.safetensors (model.safetensors for full). */
  sha256: string;
  outputDir: string;
  /** Step of the checkpoint this run resumed from; null for an undisturbed run. Not part of the result's identity. */
  resumedFrom: number | null;
  truncatedRows: number;
  /** Rows left out because they have no token to learn. */
  unsupervisedRows?: number;
  /** Rows left out because they cannot be trained on; only where the run was asked to. */
  unfitRows?: UnfitRow[];
  /** What went on in the run that its result should not be used without knowing. */
  warnings?: TrainWarning[];
  /** Where the run was computed, and why there. */
  device?: DeviceName;
  deviceReason?: string | undefined;
  milliseconds: number;
}

export interface ValidationReport {
  /** Optimizer steps done. */
  step: number;
  /** Mean loss of a scored token. */
  loss: number;
}

/** The validation loss rose several times in a row while the training loss fell. */
export interface TrainWarning {
  kind: 'overfit';
  /** Step of the last of those validations. */
  step: number;
  /** Rises in a row. */
  validations: number;
  validationLoss: { from: number; to: number };
  trainLoss: { from: number; to: number };
  /** A sentence for people. */
  message: string;
}

export interface TrainHooks {
  onStep?(report: StepReport): void;
  /** After each checkpoint; a resumed run reports the one it goes on from again. */
  onCheckpoint?(checkpoint: CheckpointReference): void;
  onWarning?(warning: TrainWarning): void;
  /** After each validation; a resumed run reports those before its checkpoint again. */
  onValidation?(validation: ValidationReport): void;
  /**
   * Asked right before a checkpoint or the finished model takes its place, and before a checkpoint is marked as the best;
   * what it throws leaves all as it is. A run that another process has taken over meanwhile stops itself here.
   */
  beforeWrite?: () => Promise<void>;
  /** Aborting saves a checkpoint, once the run has begun to step, then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface GenerateSpec {
  modelDir: string;
  /** PEFT folder, or null for the base model alone. */
  adapterDir: string | null;
  prompts: string[];
  /** A chat template wrote the prompts (all, or each one): the tokenizer puts no begin token in front. */
  fromTemplate?: boolean | boolean[];
  /**
   * A prompt that is longer than the model's context loses tokens from its left, as in training, until `maxNewTokens` have
   * room, instead of failing the call. Those that the tokenizer puts in front stay.
   */
  truncatePrompts?: boolean;
  maxNewTokens: number;
  /** 0 = greedy. */
  temperature: number;
  topK?: number;
  topP?: number;
  /** Drops tokens less likely than this share of the most likely one. */
  minP?: number;
  /** Above 1 makes tokens less likely that occurred, the prompt's included; 1 = none. */
  repetitionPenalty?: number;
  /** No run of this many tokens occurs twice. */
  noRepeatNgramSize?: number;
  /** No end token before this many others. */
  minNewTokens?: number;
  /** Texts that end a generation; `text` ends before the first of them, `tokens` holds it. */
  stopStrings?: string[];
  /** Tokens that end a generation instead of the model's own; [] = none. */
  endIds?: number[];
  /** Beam search, with temperature 0; 1 = none. */
  numBeams?: number;
  /** Results of each prompt, at most `numBeams`. */
  numReturnSequences?: number;
  /** A beam's score is divided by its length to this power; 1 when left out. */
  lengthPenalty?: number;
  /** When a beam search ends, as in transformers; false when left out. */
  earlyStopping?: boolean | 'never';
  seed?: number;
  /**
   * Rows decoded together: prompts, or prompts times beams. A result does not depend on it, but that with 1 the sums of
   * large models are rounded as those of a single row, which is the fastest way for one prompt.
   */
  batchSize?: number;
}

export interface Generation {
  text: string;
  tokens: number[];
  /** Mean natural-log probability of the generated tokens. */
  meanLogProbability: number;
  /** Mean entropy (nats) of the next-token distribution over generated positions. */
  meanEntropy: number;
  /** True when an end token or a stop string ended it, not its length. */
  finished: boolean;
  /** Of a beam: what it was ranked by. */
  score?: number;
}

export interface EmbedSpec {
  modelDir: string;
  /** PEFT folder, or null for the base model alone. */
  adapterDir: string | null;
  texts: string[];
  /** Tokens a text may have; what the model takes when left out. A longer one is cut. */
  maxLength?: number;
  /** Texts of a forward pass; 16 when left out. */
  batchSize?: number;
}

export interface EvaluateSpec {
  modelDir: string;
  /** PEFT folder, or null for the base model alone. */
  adapterDir: string | null;
  /** JSONL file of {@link CausalRow}, or {@link TrainingRow} where the model is no decoder. For a classifier the completion is the name or number of the row's class. */
  dataFile: string;
  /** Tokens a row may have, 512 when left out; a longer one is cut, and counted. */
  maxLength?: number;
  /** Rows evaluated together; 16 when left out. */
  batchSize?: number;
  /** Single predictions to time after the evaluation; none when left out. */
  timedPredictions?: number;
  /** Tokens that a timed prediction of a language model generates at most; 16 when left out. */
  maxNewTokens?: number;
}

/** Times of single predictions, milliseconds. */
export interface Latency {
  predictions: number;
  /** Untimed predictions before. */
  warmUps: number;
  medianMilliseconds: number;
  lowerQuartileMilliseconds: number;
  upperQuartileMilliseconds: number;
  /** Generated tokens over the time of all timed predictions; null for a classifier. */
  tokensPerSecond: number | null;
}

export interface Evaluation {
  rows: number;
  truncatedRows: number;
  /** Scored tokens: those of the completions, end tokens included. Null for a classifier. */
  tokens: number | null;
  /** Mean negative log likelihood, nats: a token's, or a row's class's. */
  loss: number;
  /** exp(loss) of a language model. */
  perplexity: number | null;
  /** Share of tokens, or rows, whose likeliest prediction is right. */
  accuracy: number;
  /** Of a classifier: each row's class and the model's probabilities, in the order of the file. */
  classes: { names: string[]; predictions: { label: number; probabilities: number[] }[] } | null;
  latency: Latency | null;
  /** The most memory that the process held since its start (its resident set). */
  peakMemoryBytes: number;
  milliseconds: number;
}

/** The engine in a worker thread: the caller's event loop (and its heartbeats) stays free. */
export interface Engine {
  train(spec: TrainSpec, hooks?: TrainHooks): Promise<TrainResult>;
  generate(
    spec: GenerateSpec,
    hooks?: { onProgress?(done: number, total: number): void; signal?: AbortSignal },
  ): Promise<Generation[]>;
  evaluate(
    spec: EvaluateSpec,
    hooks?: { onProgress?(done: number, total: number): void; signal?: AbortSignal },
  ): Promise<Evaluation>;
  /** Texts as unit vectors: the mean of the model's last hidden states. */
  embed(
    spec: EmbedSpec,
    hooks?: { onProgress?(done: number, total: number): void; signal?: AbortSignal },
  ): Promise<Float32Array[]>;
  close(): Promise<void>;
}
