import type { FineTuningConfig } from '../../config/fine-tuning.js';
import type { Setting } from '../../config/resolve-fine-tuning.js';
import type { LedgerEntry } from '../../datasets/index.js';
import type {
  GenerateSpec,
  Generation,
  StepReport,
  TrainResult,
  TrainWarning,
  ValidationReport,
} from '../../engine/index.js';
import type { EvaluationResult } from './evaluate-job.js';
import type { MergeResult } from './merge-job.js';
import type { TrainingPlan } from './plan-training-run.js';

interface EngineJobOptions {
  /** Model folder, hub repository or known id. */
  model: string;
  /** Folder of downloaded models. */
  modelCache: string;
  /** Threads of the numerical kernels; all cores when left out. */
  threads?: number;
}

/** `ratchet train`: see `FineTuningConfig` for the settings. */
export interface TrainJob {
  kind: 'train';
  file: string;
  evalFile?: string;
  outputDir: string;
  /** Later ones win. */
  settings: Setting[];
  modelCache: string;
  threads?: number;
  /** `resume` refuses to start over, `fresh` does start over; otherwise a run goes on where it can. */
  mode: 'auto' | 'resume' | 'fresh';
  dryRun: boolean;
  /** A finished run keeps its checkpoints, so that others can go on from them. */
  keepCheckpoints?: boolean;
}

/** `ratchet fork`. */
export interface ForkJob {
  kind: 'fork';
  /** Output folder of a `ratchet train`, a folder with its `spec.json`, or `<loop>/round-<n>` of the data folder. */
  run: string;
  dataFolder: string;
  /** Step of the checkpoint; null takes the newest. */
  step: number | null;
  outputDir: string;
  /** Settings to change, as they were written. */
  changes: Record<string, string>;
  device: FineTuningConfig['device'];
  threads?: number;
  actor: string;
  reason: string;
}

/** What a command can ask of decoding. */
export type DecodingOptions = Pick<
  GenerateSpec,
  | 'maxNewTokens'
  | 'temperature'
  | 'topK'
  | 'topP'
  | 'minP'
  | 'repetitionPenalty'
  | 'numBeams'
  | 'numReturnSequences'
  | 'stopStrings'
  | 'seed'
>;

/** `ratchet generate`. */
export interface GenerateJob extends EngineJobOptions, DecodingOptions {
  kind: 'generate';
  adapter: string | null;
  prompts: string[];
  /** Each prompt is what a user says, written with the model's chat template after the system text. */
  chat: boolean;
  system?: string;
}

/** `ratchet evaluate`. */
export interface EvaluateJob extends EngineJobOptions {
  kind: 'evaluate';
  adapter: string | null;
  file: string;
  maxLength: number;
  maxNewTokens: number;
  batchSize: number;
  /** Single predictions to time. */
  timedPredictions: number;
  /** Whether texts are generated and compared with the references. */
  generate: boolean;
}

/** `ratchet merge`. */
export interface MergeJob extends EngineJobOptions {
  kind: 'merge';
  adapter: string;
  outputDir: string;
}

export type EngineJob = TrainJob | ForkJob | GenerateJob | EvaluateJob | MergeJob;

/** What each job gives back; a dry run gives its plan alone. */
export interface JobResults {
  train: TrainResult | null;
  fork: TrainResult;
  generate: { prompt: string; generations: Generation[] }[];
  evaluate: EvaluationResult;
  merge: MergeResult;
}

/** What a job tells on its way. */
export type JobEvent =
  | { event: 'download'; file: string; done: number; size: number }
  | { event: 'note'; message: string }
  | ({ event: 'plan' } & TrainingPlan)
  | ({ event: 'step'; /** Null for a run whose rows are not counted. */ epoch: number | null } & StepReport)
  | ({ event: 'validation' } & ValidationReport)
  | { event: 'checkpoint'; step: number; path: string }
  | ({ event: 'warning' } & TrainWarning)
  | { event: 'rejected'; rejected: LedgerEntry[]; count: number; ledger: string | null }
  | { event: 'progress'; what: string; done: number; total: number };

/** From the command to the process that runs its job. */
export type JobRequest = { kind: 'run'; job: EngineJob } | { kind: 'stop' };

/** From that process to the command. */
export type JobReply =
  | { kind: 'event'; event: JobEvent }
  | { kind: 'done'; result: JobResults[EngineJob['kind']] }
  | { kind: 'stopped' }
  | { kind: 'failed'; code: string; message: string; hint: string | null; stack: string | null };

/** What a job's code is given. */
export interface JobContext {
  emit(event: JobEvent): void;
  /** Aborted when the command is asked to stop. */
  signal: AbortSignal;
}
