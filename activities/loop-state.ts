import type { ArtifactRef, CurriculumStage, CurriculumState, EvaluationRow } from '../config/domain.js';
import type { FallbackState } from '../learning/selection/random-fallback.js';
import type { ChampionWatch } from '../learning/tracking/watch-champion.js';

/** A trained model. `path` is the PEFT folder (lora) or model folder (full), relative to the data folder. */
export interface ModelReference {
  /** `<loop>-round-<n>`; deterministic. */
  id: string;
  path: string;
  sha256: string;
}

/** What is needed to bring a champion's predecessor back. */
export interface LiveWatch extends ChampionWatch {
  /** The users' verdicts on the predecessor's answers: the feedback of the round that promoted the champion. */
  formerRef: ArtifactRef;
  /** The predecessor (null: the base model) and what was measured of it. */
  former: ModelReference | null;
  formerTest: EvaluationRow[];
  formerValidation: EvaluationRow[];
  formerScores?: ArtifactRef;
}

/** Mean over artifact types of one evaluation. */
export interface ScoreSummary {
  /** 0–100. */
  score: number;
  /** 0–1. */
  successRate: number;
  /** 0–100. */
  edgeScore: number;
}

/** What a round leaves behind: two equal runs give equal results (durations are in the store). */
export interface RoundResult {
  round: number;
  /** Stage the round trained in. */
  stage: CurriculumStage;
  feedbackEvents: number;
  /** Labels used so far, this round included. */
  labels: number;
  /** False when too few examples were available; then nothing was trained and before = after. */
  trained: boolean;
  promoted: boolean;
  /** Why it was (not) trained or promoted. */
  reason: string;
  steps: number;
  loss: number | null;
  validationLoss: number | null;
  before: ScoreSummary;
  after: ScoreSummary;
  /** Model this round trained; null when it trained none. */
  model: ModelReference | null;
  /** What came of learning from pairs, where it is on. */
  preference?: PreferenceResult;
}

/** A training on preference pairs after the round's training. */
export interface PreferenceResult {
  pairs: number;
  /** 0 when there were too few pairs. */
  steps: number;
  /** Mean loss of the last epoch; ln 2 before the first step. */
  loss: number | null;
  reason: string;
}

/** Where a loop stands after a round; small enough to live in workflow state and to continue as new with. */
export interface LoopState {
  /** Number of the last round; 0 after the baseline. A number is never given twice, not to a superseded round's successor either. */
  round: number;
  /** How many numbers up to `round` are of rounds that were superseded; absent for none. */
  superseded?: number;
  /** The last request that put the loop into another state, and the rounds it gave up: repeated, it is known. */
  steering?: { id: string; superseded: number[] };
  /** Position of the last feedback event a round has used. */
  cursor: number;
  curriculum: CurriculumState;
  /** Null: the base model. */
  champion: ModelReference | null;
  /** Labels used so far. */
  labels: number;
  /** Evaluations (one row an artifact type and one for `all`) of the base model on the test split. */
  baseline: EvaluationRow[];
  /** The champion's on the test split: reported, never decided on. */
  test: EvaluationRow[];
  /** The champion's on the validation split: what promotion and the curriculum decide on. */
  validation: EvaluationRow[];
  /** The champion's score on each validation request; absent before it is needed. */
  validationScores?: ArtifactRef;
  /** Absent where there is no predecessor to go back to, or the champion has held against it. */
  watch?: LiveWatch;
  /** How the selection strategy did against random selection, where a random slice is kept. */
  fallback?: FallbackState;
  /** Results of the newest rounds, oldest first, at most 50; the store has all. */
  results: RoundResult[];
}
