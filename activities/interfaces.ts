/**
 * The contract between `workflows/` and `activities/`: types only, one interface per task queue.
 *
 * Every payload is small: rows travel as an {@link ArtifactRef} (JSONL in the data folder), never inline.
 * Every path is relative to the data folder. Every write is idempotent in its {@link RoundKey}: an activity that runs
 * twice with the same input leaves the same rows and returns the same value.
 */
import type {
  ArtifactRef,
  ArtifactType,
  BatchRow,
  CurriculumRow,
  CurriculumState,
  EvaluationRow,
  ExampleRow,
  FeedbackEvent,
  RejectedRow,
  RewardRow,
  SelectionRow,
  Stage,
  TrainingParameters,
} from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import type { ObjectiveSpec } from '../engine/index.js';
import type { FallbackMode, FallbackState } from '../learning/selection/random-fallback.js';
import type { SequentialTestState } from '../learning/statistics/sequential-test.js';
import type { PromotionDecision } from '../learning/tracking/promotion-gate.js';
import type { WatchVerdict } from '../learning/tracking/watch-champion.js';
import type { TrialPart } from '../learning/tuning/asynchronous-halving.js';
import type { ChampionWatchRow, FallbackRow, PromotionRow, Statistics } from '../store/types.js';
import type { LiveWatch, LoopState, ModelReference, RoundResult } from './loop-state.js';

/** What every write is keyed by. Round 0 is the baseline: the base model before any training. */
export interface RoundKey {
  loop: string;
  round: number;
}

/** What training reports; the part of the engine's `TrainResult` that two equal runs share, bit for bit. */
export interface TrainingSummary {
  steps: number;
  trainLoss: number;
  validationLoss: number | null;
  bestStep: number;
  stoppedEarly: boolean;
  truncatedRows: number;
}

/** Heartbeat details of `trainModel`, read by the status views through the pending activity. */
export interface TrainingHeartbeat {
  step: number;
  totalSteps: number;
  loss: number;
  /** Newest checkpoint on disk; a hint only, the disk is the truth. */
  checkpoint: string | null;
}

interface RoundInput {
  key: RoundKey;
  config: LoopConfig;
}

/** A request with the model's answer and how sure the model was; rows of the `answers` artifact. */
export interface AnswerRow {
  /** Id of the request; the feedback event on it gets an id derived from it. */
  id: string;
  text: string;
  /** Mean natural-log probability of the generated tokens. */
  meanLogProbability: number;
  /** Mean entropy (nats) of the next-token distribution. */
  meanEntropy: number;
  finished: boolean;
}

/** A text of a round as a unit vector. */
export interface EmbeddingRow {
  /** SHA-256 of the text. */
  text: string;
  vector: number[];
}

/** How each model of an ensemble answers the request of one event. */
export interface VotesRow {
  eventId: string;
  answers: string[];
}

/** Several answers of one model to one request. */
export interface SampledAnswersRow {
  artifactType: ArtifactType;
  input: string;
  outputs: string[];
}

/** Task queue `gpu`: whatever runs the engine. One slot a device. */
export interface GpuActivities {
  /** Answers the simulated users' requests with the champion (null: the base model). Rows: {@link AnswerRow}. */
  answerRequests(
    input: RoundInput & { champion: ModelReference | null; requestsRef: ArtifactRef },
  ): Promise<ArtifactRef>;
  /** Embeds requests, and outputs with their corrections, with the base model. Rows: {@link EmbeddingRow}. */
  embedFeedback(input: RoundInput & { feedbackRef: ArtifactRef }): Promise<ArtifactRef>;
  /** Answers the requests that the stage admits with each model (null: the base model). Rows: {@link VotesRow}. */
  askEnsemble(
    input: RoundInput & { feedbackRef: ArtifactRef; curriculumRef: ArtifactRef; models: (ModelReference | null)[] },
  ): Promise<ArtifactRef>;
  /**
   * Trains one adapter; resumes from the newest valid checkpoint on disk; heartbeats {@link TrainingHeartbeat}.
   * On cancellation saves, then rethrows. Out of memory rejects with `E_OUT_OF_MEMORY` (the workflow halves the batch).
   * A retry with other `parameters` starts its checkpoints anew (they are keyed by the parameters).
   */
  trainModel(
    input: RoundInput & {
      planRef: ArtifactRef;
      validationRef: ArtifactRef | null;
      parameters: TrainingParameters;
      initialModel: ModelReference | null;
      /** Name of the model version that is written, `<loop>-round-<n>`. */
      outputName: string;
      /** Absent: prompts with completions. Present: the plan's rows are preference pairs, and the initial model the reference. */
      objective?: ObjectiveSpec;
    },
  ): Promise<{ run: TrainingSummary; model: ModelReference; logRef: ArtifactRef }>;
  /**
   * Answers requests of the round several times with the champion (null: the base model), from streams of the round's seed.
   * Requests that were validated on are left out. Rows: {@link SampledAnswersRow}.
   */
  sampleAnswers(
    input: RoundInput & {
      feedbackRef: ArtifactRef;
      examplesRef: ArtifactRef;
      earlierExamplesRef: ArtifactRef | null;
      champion: ModelReference | null;
    },
  ): Promise<ArtifactRef>;
  /** Trains one trial of the tuning stage up to an epoch; the next call goes on from its checkpoint. */
  trainTrial(
    input: RoundInput & {
      planRef: ArtifactRef;
      validationRef: ArtifactRef;
      parameters: TrainingParameters;
      initialModel: ModelReference | null;
      /** Its number in the round's study, which names its folder. */
      number: number;
      /** Epochs after which it stops; null trains to the end. */
      untilEpoch: number | null;
    },
  ): Promise<TrialProgress>;
  /**
   * Evaluates a model (null: the base model) on a held-out split: one row an artifact type and one for `all`, and the
   * score of each request. Block 0 is the split itself; each further block is as many other requests.
   */
  evaluateModel(
    input: RoundInput & { model: ModelReference | null; split: 'test' | 'validation'; block?: number },
  ): Promise<{
    rows: EvaluationRow[];
    /** Rows: {@link RequestScoreRow}; absent from a worker of an earlier version. */
    scoresRef?: ArtifactRef;
  }>;
}

/** How far a trial got. */
export interface TrialProgress {
  /** Validation loss after each epoch that is done, the first first. */
  validationLosses: number[];
  /** The run's result once it has ended: the loss of its best validation. Null before. */
  loss: number | null;
}

/** Task queue `cpu`: pure work on files; no store, no engine. */
export interface CpuActivities {
  /** The requests the simulated users make this round. */
  simulateRequests(input: RoundInput): Promise<ArtifactRef>;
  /** The simulated users' verdict on the answers. Rows: {@link FeedbackEvent}. */
  simulateFeedback(
    input: RoundInput & {
      requestsRef: ArtifactRef;
      answersRef: ArtifactRef;
      /** Whose events these are; default: the loop's own. Loops that share their users draw alike by the events' ids. */
      users?: string;
    },
  ): Promise<ArtifactRef>;
  /** Stage 2. Rows: {@link RewardRow}. */
  scoreRewards(input: RoundInput & { feedbackRef: ArtifactRef; embeddingsRef?: ArtifactRef }): Promise<
    ArtifactRef & {
      /** Where events name their sources. Rows: `SourceRow`, and {@link RejectedRow} for what is not believed. */
      sourcesRef?: ArtifactRef;
      distrustedRef?: ArtifactRef;
    }
  >;
  /** Stage 3. Rows: {@link CurriculumRow}; `admitted` follows `curriculum.stage`. */
  organizeCurriculum(
    input: RoundInput & { feedbackRef: ArtifactRef; rewardsRef: ArtifactRef; curriculum: CurriculumState },
  ): Promise<ArtifactRef>;
  /**
   * Stage 4. Chooses within the budget, has the chosen labelled (simulated annotator, or the corrections and accepted
   * answers of real feedback) and passes the quality gate. `labels` = labels spent this round.
   */
  selectExamples(
    input: RoundInput & {
      feedbackRef: ArtifactRef;
      rewardsRef: ArtifactRef;
      curriculumRef: ArtifactRef;
      /** Answers with their uncertainty; null where the feedback came from real users. */
      answersRef: ArtifactRef | null;
      /** Where texts are compared by embeddings. */
      embeddingsRef?: ArtifactRef;
      /** Answers of an ensemble; absent where the strategy needs none, or there are too few models. */
      votesRef?: ArtifactRef;
      /** Known labels are not taken twice, and what is validated on is never trained on later. */
      earlierExamplesRef: ArtifactRef | null;
      /** How the strategy did against random selection, where a random slice is kept. */
      fallback?: FallbackState;
    },
  ): Promise<{
    /** Rows: {@link SelectionRow}. */
    selectionRef: ArtifactRef;
    /** Rows: {@link ExampleRow}. */
    examplesRef: ArtifactRef;
    /** Rows: {@link RejectedRow}. */
    rejectedRef: ArtifactRef;
    labels: number;
    /** Where a random slice is kept: the chosen rows of the selection, each with who chose it. */
    slicesRef?: ArtifactRef;
  }>;
  /** Stage 5. Adds label-preserving variants of requests that are not held out. Originals and variants: {@link ExampleRow}. */
  augmentExamples(
    input: RoundInput & {
      examplesRef: ArtifactRef;
      /** Absent where version 0.1 has scheduled the activity. */
      earlierExamplesRef?: ArtifactRef | null;
    },
  ): Promise<
    ArtifactRef & {
      /** Variants whose label did not hold. Rows: {@link RejectedRow}. */
      rejectedRef?: ArtifactRef;
    }
  >;
  /** Stage 6. Sizes the round over this round's and the earlier examples. Rows: {@link BatchRow}. */
  assembleBatches(
    input: RoundInput & {
      examplesRef: ArtifactRef;
      earlierExamplesRef: ArtifactRef | null;
      /** Its history gives the trend of the scores. */
      curriculum: CurriculumState;
    },
  ): Promise<{ batchesRef: ArtifactRef; ready: boolean; reason: string }>;
  /** Stage 7. The stored best parameters where they are valid for this configuration, else the configured ones. */
  chooseParameters(input: RoundInput & { stored: Partial<TrainingParameters> | null }): Promise<TrainingParameters>;
  /** Writes the training and validation files (rows: the engine's `TrainingRow`) and says what training starts from. */
  planTraining(
    input: RoundInput & {
      batchesRef: ArtifactRef;
      examplesRef: ArtifactRef;
      earlierExamplesRef: ArtifactRef | null;
      parameters: TrainingParameters;
      champion: ModelReference | null;
    },
  ): Promise<{ planRef: ArtifactRef; validationRef: ArtifactRef | null; initialModel: ModelReference | null }>;
  /**
   * Stage 8. Pairs of a better and a worse answer: from the round's feedback and labels, and from the champion's sampled
   * answers ranked by the validator. Rows: `PreferencePair`, with the prompt as the model reads it.
   */
  collectPreferences(
    input: RoundInput & {
      feedbackRef: ArtifactRef;
      rewardsRef: ArtifactRef;
      examplesRef: ArtifactRef;
      earlierExamplesRef: ArtifactRef | null;
      /** Null: pairs from feedback alone. */
      samplesRef: ArtifactRef | null;
    },
  ): Promise<{ pairsRef: ArtifactRef; rejectedRef: ArtifactRef; ready: boolean; reason: string }>;
  /** Stage 9. Asks whether the scores of the same requests prove the challenger better; `state` holds the pairs before. */
  judgeChallenger(
    input: RoundInput & { championRef: ArtifactRef; challengerRef: ArtifactRef; state: SequentialTestState | null },
  ): Promise<PromotionDecision & { meanGain: number }>;
  /** Stage 9. Whether the users score the champion worse than its predecessor. */
  watchLiveScores(input: RoundInput & { feedbackRef: ArtifactRef; watch: LiveWatch }): Promise<WatchVerdict>;
  /** Stage 9. What the round's labels were worth, and how the strategy stands against random selection now. */
  measureYields(
    input: RoundInput & {
      slicesRef: ArtifactRef;
      examplesRef: ArtifactRef;
      championRef: ArtifactRef;
      challengerRef: ArtifactRef;
      fallback: FallbackState;
    },
  ): Promise<{ yieldsRef: ArtifactRef; fallback: FallbackState; mode: FallbackMode }>;
  /** Stage 9. Compares the new model with the champion, decides on promotion and moves the curriculum. */
  trackRound(
    input: RoundInput & {
      before: EvaluationRow[];
      after: EvaluationRow[];
      /** What the sequential test has decided, where it is the gate. */
      verdict?: { promote: boolean; reason: string };
      curriculum: CurriculumState;
      feedbackRef: ArtifactRef;
      curriculumRef: ArtifactRef;
    },
  ): Promise<{ promote: boolean; reason: string; curriculum: CurriculumState }>;
}

/** A file of feedback, checked row by row and cut into artifacts that can be stored one by one. */
export interface ParsedFeedback {
  /** Valid events in file order, some thousand rows each. */
  chunks: ArtifactRef[];
  /** Rows: {@link RejectedRow}. */
  rejectedRef: ArtifactRef;
  /** The first rejected rows, to show. */
  rejectedSample: Omit<RejectedRow, 'raw'>[];
  read: number;
  accepted: number;
  rejected: number;
  warnings: string[];
}

/** Task queue `cpu`: feedback that comes as a file. */
export interface ImportActivities {
  /** Checks the file at `uri` in the data folder. Throws E_NOT_FOUND or E_DATA_INVALID for what is no file of rows. */
  parseFeedback(input: { uri: string }): Promise<ParsedFeedback>;
}

/** Tables that `recordStage` fills from an artifact's rows. */
export type StageTable =
  | 'rewards'
  | 'sources'
  | 'curriculum'
  | 'selections'
  | 'slices'
  | 'examples'
  | 'batches'
  | 'preferences'
  | 'yields'
  | 'rejected';

/** A part of a trial, with the parameters that the search has chosen. */
export interface ProposedPart extends Omit<TrialPart, 'parameters'> {
  parameters: Partial<TrainingParameters>;
}

/** Task queue `store`: the only owner of the DuckDB file. */
export interface StoreActivities {
  /** Stores feedback events; a known id is a duplicate and changes nothing. `cursor` is the newest event's position. */
  ingestFeedback(input: {
    key: RoundKey;
    ref: ArtifactRef;
  }): Promise<{ accepted: number; duplicates: number; cursor: number }>;
  /**
   * Writes up to `limit` events after the cursor to an artifact; a round that is played again gets those of the first time.
   * `cursor` is the position of the last one written.
   */
  pendingFeedback(input: {
    key: RoundKey;
    after: number;
    limit: number;
  }): Promise<{ ref: ArtifactRef; cursor: number; count: number }>;
  /** Number of events after the cursor. */
  countPending(input: { loop: string; after: number }): Promise<number>;
  /**
   * The newest model versions of a loop that rounds before `before` have made, the newest first: a round that is played
   * again must not ask its own.
   */
  recentModels(input: { loop: string; limit: number; before?: number }): Promise<ModelReference[]>;
  /**
   * Marks a round as running. One that was begun before and never finished goes on with what it has recorded; with another
   * configuration it begins anew.
   */
  startRound(input: RoundInput & { feedbackCursor: number }): Promise<void>;
  /** Loads an artifact's rows into the stage's table. */
  recordStage(input: { key: RoundKey; stage: Stage; table: StageTable; ref: ArtifactRef }): Promise<void>;
  /** Examples of all earlier rounds (augmented ones included) as an artifact; null before the first. */
  earlierExamples(input: { key: RoundKey }): Promise<ArtifactRef | null>;
  /** The best finished trial's parameters, or null. */
  bestParameters(input: { loop: string }): Promise<Partial<TrainingParameters> | null>;
  /** Opens the round's study: its search space, and what is tried before the sampler proposes anything. */
  openStudy(input: RoundInput & { current: TrainingParameters; newAdapter: boolean }): Promise<void>;
  /** Starts `count` trials of the study from number `from` on and returns their parameters. */
  proposeTrials(input: { key: RoundKey; from: number; count: number }): Promise<Partial<TrainingParameters>[]>;
  /**
   * With the pruner `asha`: which trials train next, and how long, at most `count` of them; new ones start, waiting ones
   * run again. None: the search is over, and what still waits is recorded as pruned. `turn` counts the calls of a round.
   */
  proposeParts(input: { key: RoundKey; turn: number; trials: number; count: number }): Promise<ProposedPart[]>;
  /** Lets a running trial wait at an epoch for the others. */
  pauseTrial(input: { key: RoundKey; number: number; epoch: number }): Promise<void>;
  /** Enters a running trial's validation losses by epoch and says whether it should stop. */
  reportTrial(input: {
    key: RoundKey;
    number: number;
    /** Number of the first trial that was started together with this one. */
    generation: number;
    losses: { epoch: number; loss: number }[];
  }): Promise<{ prune: boolean }>;
  /** Ends a trial with its validation loss, or as pruned or failed. */
  finishTrial(input: { key: RoundKey; number: number; outcome: { loss: number } | 'pruned' | 'failed' }): Promise<void>;
  recordTraining(input: {
    key: RoundKey;
    parameters: TrainingParameters;
    planRef: ArtifactRef;
    run: TrainingSummary;
    model: ModelReference;
    /** The run's optimizer steps and checkpoints. */
    logRef: ArtifactRef;
    /** Model the run started from; null for the base model. */
    parent: string | null;
    /** What the rows were; prompts with completions when absent. */
    rows?: 'preference';
  }): Promise<void>;
  recordEvaluations(input: { key: RoundKey; rows: EvaluationRow[] }): Promise<void>;
  /** Makes the model the loop's champion. */
  promoteModel(input: { key: RoundKey; model: ModelReference; reason: string }): Promise<void>;
  /** Brings a former champion back; null: the base model. */
  rollBackModel(input: { key: RoundKey; model: ModelReference | null; reason: string }): Promise<void>;
  recordPromotion(input: { key: RoundKey; row: PromotionRow }): Promise<void>;
  recordWatch(input: { key: RoundKey; row: ChampionWatchRow }): Promise<void>;
  recordFallback(input: { key: RoundKey; row: FallbackRow }): Promise<void>;
  /** Notes in the audit trail that somebody switched components of a loop; `key` makes a repeat the same entry. */
  recordComponents(input: ComponentsChange & { loop: string; key: string }): Promise<void>;
  /** R12: counts over the tables of a loop. */
  loopStatistics(input: { loop: string }): Promise<Statistics>;
  /** Closes a round and keeps the loop's state after it, so that a new start of the loop goes on from there. */
  finishRound(input: { key: RoundKey; result: RoundResult; state: LoopState }): Promise<void>;
  /**
   * For a loop that starts: the state kept by the newest `finishRound`, or that a later request has put the loop into; null
   * without rounds. A round that was left open runs no longer.
   */
  loopState(input: { loop: string }): Promise<LoopState | null>;
}

/** Who switches components of a loop, from what round on, and why. */
export interface ComponentsChange {
  components: Partial<LoopConfig['components']>;
  actor: string;
  reason: string;
  fromRound: number;
}

/** A row of any artifact, for readers that want one name for all. */
export type ArtifactRow =
  FeedbackEvent | RewardRow | CurriculumRow | SelectionRow | ExampleRow | RejectedRow | BatchRow | AnswerRow;
