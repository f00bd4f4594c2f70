import type {
  ArtifactRef,
  ArtifactType,
  BatchRow,
  CurriculumStage,
  EvaluationRow,
  ExampleRow,
  FeedbackEvent,
  RejectedRow,
  RewardRow,
  TrainingParameters,
} from '../config/domain.js';

/** A stored event with its place in the loop's sequence (1, 2, 3 …): the cursor. */
export type StoredEvent = FeedbackEvent & { seq: number };

/** The rows that were refused: how many, why, and the newest of them. */
export interface Ledger {
  rows: number;
  /** Most frequent first; numbers within a reason are shown as `…`. */
  reasons: { source: string; field: string; reason: string; rows: number }[];
  /** Newest first; `raw` is cut. */
  newest: (RejectedRow & { at: string })[];
}

export interface AppendResult {
  /** Events stored by this call. */
  accepted: number;
  /** Events whose id was stored before (or earlier in this call) with the same content; ignored. */
  duplicates: number;
  /** Events whose id was stored with other content; refused and written to the ledger. */
  conflicts: number;
  /** Lowest and highest place of the call's events in the sequence, stored now or before; 0 when there are none. */
  firstSeq: number;
  lastSeq: number;
}

/** Fields of a round known at its start. */
export interface RoundStart {
  configHash?: string;
  config?: unknown;
  /** The round's events are those with afterSeq < seq ≤ uptoSeq. */
  afterSeq?: number;
  uptoSeq?: number;
  curriculumStage?: CurriculumStage;
}

/** Fields of a round known at its end. */
export interface RoundFinish {
  /** `completed` unless given. */
  status?: 'completed' | 'failed' | 'skipped';
  curriculumStage?: CurriculumStage;
  labels?: number;
  examples?: number;
  trainingRunId?: string;
  modelVersionId?: string;
  promoted?: boolean;
  score?: number;
  successRate?: number;
  edgeScore?: number;
  trainLoss?: number;
  validationLoss?: number;
  milliseconds?: number;
  reason?: string;
  summary?: unknown;
}

export interface RoundRow extends Omit<RoundFinish, 'status'>, RoundStart {
  loop: string;
  round: number;
  status: 'running' | 'completed' | 'failed' | 'skipped';
  /** ISO 8601, UTC. */
  startedAt: string;
  finishedAt?: string;
}

/** One trial of a hyperparameter search. */
export interface TrialRow {
  id: string;
  artifactType: ArtifactType | 'all';
  /** Place in its study, from 0. */
  number: number;
  state: 'complete' | 'pruned' | 'failed';
  parameters: Partial<TrainingParameters>;
  /** What the search minimises; absent for a failed trial. */
  objective?: number;
  trainingRunId?: string;
}

/** A search for parameters: who proposes and who prunes, what is tried first, and the study as plain data. */
export interface StudyRow {
  sampler: string;
  pruner: string;
  queue: unknown;
  study: unknown;
}

/** A paired test of a round's model against the champion (`base` for the base model). */
export interface PromotionRow {
  challenger: string;
  champion: string;
  decision: 'promote' | 'keep';
  pairs: number;
  /** Mean score of the challenger less that of the champion, points. */
  meanGain: number;
  eValue: number;
  pValue: number;
}

/** A look at the users' scores of a champion against those of its predecessor. */
export interface ChampionWatchRow {
  champion: string;
  former: string;
  verdict: 'worse' | 'holds' | 'open';
  pairs: number;
  meanDifference: number;
}

/** How a selection strategy stood against random selection after a round. */
export interface FallbackRow {
  mode: string;
  rounds: number;
  gains: number[];
}

/** A training run; recorded once when it starts and again with its results. */
export interface TrainingRunRow {
  id: string;
  loop: string;
  round: number;
  kind: 'round' | 'preference' | 'trial' | 'pretrain' | 'standalone';
  status: 'running' | 'completed' | 'failed' | 'cancelled';
  strategy?: 'lora' | 'full';
  seed?: number;
  baseModel?: string;
  initialAdapter?: string;
  parameters?: Partial<TrainingParameters> & Record<string, unknown>;
  /** Batches it trained on; when absent, those of its round. */
  batchIds?: string[];
  trainFile?: ArtifactRef;
  validationFile?: ArtifactRef;
  steps?: number;
  trainLoss?: number;
  validationLoss?: number | null;
  bestStep?: number;
  stoppedEarly?: boolean;
  sha256?: string;
  outputDir?: string;
  resumedFrom?: number | null;
  truncatedRows?: number;
  milliseconds?: number;
  error?: string;
}

/** One optimizer step. */
export interface TrainingStepRow {
  step: number;
  totalSteps: number;
  loss: number;
  gradientNorm: number;
  learningRate: number;
  /** Scored (label) tokens of the step. */
  tokens: number;
  milliseconds: number;
}

export interface CheckpointRow {
  runId: string;
  step: number;
  path: string;
  sha256: string;
}

export interface ModelVersionRow {
  id: string;
  loop: string;
  round: number;
  path: string;
  sha256: string;
  runId?: string;
  /** The version its training continued from. */
  parentId?: string;
  champion: boolean;
}

/** An entry of the audit trail. */
export interface AuditEntry {
  loop: string;
  actor: string;
  action: string;
  subject: string;
  details?: unknown;
  /** Makes a repeated entry the same entry; the entry's content unless given. */
  key?: string;
}

/** An entry of a loop's audit trail as it is read. */
export interface RecordedAudit {
  /** ISO 8601, UTC. */
  at: string;
  actor: string;
  action: string;
  subject: string;
  details: Record<string, unknown>;
}

/** R12: the loop's statistics; each equals a count over the tables. */
export interface Statistics {
  feedback_events: number;
  training_batches: number;
  curriculum: { current_stage: CurriculumStage };
}

/** Everything that led to a model version and what became of it. Texts are left out; `examples` and events are joined by id. */
export interface Lineage {
  version: ModelVersionRow;
  /** Versions it continued from, nearest first. */
  ancestors: string[];
  run: TrainingRunRow | null;
  checkpoints: CheckpointRow[];
  batches: (BatchRow & { round: number })[];
  examples: (Omit<ExampleRow, 'input' | 'target'> & { round: number })[];
  rewards: (RewardRow & { round: number })[];
  events: {
    id: string;
    seq: number;
    ts: string;
    artifactType: ArtifactType;
    feedbackType: string;
    modelUsed: string;
    validationScore: number;
  }[];
  evaluations: EvaluationRow[];
}
