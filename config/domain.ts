/** The nine stages of the adaptive learning loop, in order. The same names are folders in `learning/`, files in `activities/` and table groups in the store. */
export const STAGES = [
  'feedback',
  'reward',
  'curriculum',
  'selection',
  'augmentation',
  'batching',
  'tuning',
  'training',
  'tracking',
] as const;
export type Stage = (typeof STAGES)[number];

/** What feedback may be about. */
export const ARTIFACT_TYPES = ['erd', 'code_prototype', 'architecture', 'sql_query'] as const;
export type ArtifactType = (typeof ARTIFACT_TYPES)[number];

/**
 * The types that the base model and the demo know, in the order they are drawn in. The others are asked for by name:
 * the defaults of the loop were not tuned on them, so that they can be reported on what they have not seen.
 */
export const BASE_TYPES = ['erd', 'code_prototype', 'architecture'] as const satisfies readonly ArtifactType[];

export const FEEDBACK_TYPES = [
  'SUCCESS',
  'VALIDATION_FAILURE',
  'USER_CORRECTION',
  'EXPLICIT_POSITIVE',
  'EXPLICIT_NEGATIVE',
  'EDIT',
  'PREFERENCE',
  'THUMBS_UP',
  'THUMBS_DOWN',
  'IMPLICIT',
] as const;
export type FeedbackType = (typeof FEEDBACK_TYPES)[number];

/** What somebody did with an answer without saying what they think of it. */
export const IMPLICIT_ACTIONS = ['used', 'kept', 'abandoned', 'regenerated'] as const;
export type ImplicitAction = (typeof IMPLICIT_ACTIONS)[number];

/** One piece of feedback on one model output (requirements §5). Field names are fixed by the file format. */
export interface FeedbackEvent {
  id: string;
  /** ISO 8601, UTC. */
  ts: string;
  input_data: string;
  ai_output: string;
  artifact_type: ArtifactType;
  model_used: string;
  /** 0–100. */
  validation_score: number;
  feedback_type: FeedbackType;
  context: { rag?: string; notes?: string };
  /** Of `USER_CORRECTION` and `EDIT`: what the user made of the output. */
  corrected_output?: string;
  /** Of `PREFERENCE`: the answer that the user likes less than `ai_output`. */
  rejected_output?: string;
  /** Of `IMPLICIT`. */
  implicit_action?: ImplicitAction;
  /** Who says it: a user, an annotator, a program. Trust in a source follows from how it agrees with the others. */
  source?: string;
}

/** A row that could not be accepted, kept in the ledger with where it came from and why. */
export interface RejectedRow {
  /** File name, or `api` / `augmentation` / `gate`. */
  source: string;
  /** 1-based line in a file; 0 where there is none. */
  line: number;
  field: string;
  reason: string;
  /** The row as read, cut to 4,096 characters. */
  raw: string;
}

/** Reference to a file of rows in the data folder; payloads between activities are references, never rows. */
export interface ArtifactRef {
  /** Path relative to the data folder. */
  uri: string;
  sha256: string;
  rows: number;
}

/** Difficulty bands of the curriculum: easy < 0.35 ≤ medium < 0.65 ≤ hard. */
export type DifficultyBand = 'easy' | 'medium' | 'hard';
export type CurriculumStage = 'easy' | 'medium' | 'hard' | 'mixed';

/** Where the loop's curriculum stands; small enough to live in workflow state. */
export interface CurriculumState {
  stage: CurriculumStage;
  /** Averages (0–100) above the threshold in a row, 0 … evaluations needed. */
  streak: number;
  history: { round: number; stage: CurriculumStage; average: number }[];
}

/** R1: the reward of one event, −1 … 1, with its factors. */
export interface RewardRow {
  eventId: string;
  reward: number;
  base: number;
  ageDays: number;
  decay: number;
  difficultyFactor: number;
  balanceFactor: number;
  /** Where a source is named: how far it is believed, 0–1. */
  trust?: number;
  /** Why the event is not believed: nothing is learned from it, and only the validator's score counts. */
  distrusted?: string;
}

/** How far a source of feedback was believed in a round. */
export interface SourceRow {
  source: string;
  /** 0–1; one half for a source that nobody can be compared with. */
  trust: number;
  /** Answers that others judged too. */
  compared: number;
  suspect: boolean;
}

export interface CurriculumRow {
  eventId: string;
  artifactType: ArtifactType;
  difficulty: number;
  band: DifficultyBand;
  /** True when the current stage admits the event. */
  admitted: boolean;
}

/** R6: why a candidate was or was not chosen. `score` = 0.4·uncertainty + 0.3·diversity + 0.3·quality. */
export interface SelectionRow {
  eventId: string;
  artifactType: ArtifactType;
  rank: number;
  selected: boolean;
  uncertainty: number;
  diversity: number;
  quality: number;
  score: number;
  /** Where a random slice is kept beside the strategy: which of them chose the candidate. */
  slice?: 'strategy' | 'random';
}

/** What a label of the strategy or of the random slice was worth, in points of the held-out requests like it. */
export interface LabelYieldRow {
  eventId: string;
  slice: 'strategy' | 'random';
  yield: number;
}

/** How the model answered one held-out request; both models of a paired comparison answer the same ones. */
export interface RequestScoreRow {
  id: string;
  artifactType: ArtifactType;
  input: string;
  /** 0–100. */
  score: number;
}

/** One supervised example: prompt → completion. */
export interface ExampleRow {
  id: string;
  eventId: string;
  /** When the event happened; unknown where an earlier version began the round. */
  ts?: string;
  artifactType: ArtifactType;
  input: string;
  target: string;
  source: 'correction' | 'accepted' | 'augmented';
  /** For an augmented example: the example it came from, and the operator that made it. */
  parentId?: string;
  operator?: string;
  /** 0–1. */
  difficulty: number;
  /** −1 … 1. */
  reward: number;
  /** The validator's score of the label (0–100): the proof that an augmented label still holds. */
  labelScore: number;
  hardNegative: boolean;
  /** 80/20 stratified: which side of the split. */
  split: 'train' | 'validation';
}

/** R3: how many originals a round trains on, and why. */
export interface BatchRow {
  id: string;
  artifactType: ArtifactType;
  size: number;
  available: number;
  averageQuality: number;
  factors: { availability: number; quality: number; rarity: number; trend: number };
  exampleIds: string[];
}

/** Hyperparameters of one training run (R7's search space, plus what it leaves fixed). */
export interface TrainingParameters {
  learningRate: number;
  /** Minibatch size. */
  batchSize: number;
  gradientAccumulationSteps: number;
  numEpochs: number;
  warmupRatio: number;
  loraRank: number;
  loraAlpha: number;
  loraDropout: number;
  weightDecay: number;
  maxGradientNorm: number;
  maxLength: number;
}

export interface EvaluationRow {
  id: string;
  loop: string;
  round: number;
  /** `base` or a model version id. */
  model: string;
  split: 'test' | 'validation';
  artifactType: ArtifactType | 'all';
  n: number;
  /** Mean validation score, 0–100. */
  score: number;
  /** Share with score ≥ 70, 0–1. */
  successRate: number;
  /** Mean validation score over the frozen edge-case slice, 0–100. */
  edgeScore: number;
  edgeSuccessRate: number;
  meanReward: number;
  latencyMs: number;
}
