import { createHash } from 'node:crypto';
import type { ArtifactType, FeedbackEvent } from '../config/domain.js';
import { stream } from '../config/random.js';
import { changeConvention, type Convention } from './tasks/convention.js';
import { corruptArtifact } from './tasks/corrupt.js';
import { referenceFor } from './tasks/families.js';
import { taskId } from './tasks/task.js';

/** What the simulated annotator is asked about. */
export interface AnnotationRequest {
  artifactType: ArtifactType;
  specification: string;
}

/**
 * The corrected output a simulated annotator gives: the canonical artifact, or, for a `wrongRate` share of requests,
 * a plausible wrong one. It depends on the seed and the request alone. No person is involved.
 */
export function annotate(
  { artifactType, specification }: AnnotationRequest,
  { seed, wrongRate = 0.05, convention = 'old' }: { seed: number; wrongRate?: number; convention?: Convention },
): { correctedOutput: string; wrong: boolean } {
  const source = stream(seed, 'simulated-annotator', taskId(artifactType, specification));
  const wrong = source.float() < wrongRate;
  const output = wrong
    ? corruptArtifact(artifactType, specification, source, 1 + source.integer(2))
    : referenceFor(artifactType, specification);
  return { correctedOutput: convention === 'new' ? changeConvention(artifactType, output) : output, wrong };
}

/** One answered request that a simulated user judges. */
export interface SimulatedFeedbackInput {
  loop: string;
  round: number;
  requestId: string;
  artifactType: ArtifactType;
  specification: string;
  /** The model's answer, as generated. */
  output: string;
  modelUsed: string;
  /** The validator's score of the answer, 0–100; of the time, where that matters. */
  validationScore: number | ((ts: string) => number);
  /** A correction the simulated annotator attaches. */
  correctedOutput?: string;
}

/** The simulated present of round 0; each later round is a day after the one before. */
const SIMULATED_START = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;
const SPREAD_DAYS = 60;
const SUCCESS_SCORE = 70;

/** When the simulated users change their convention, should they: half of the first round's feedback is older. */
const CONVENTION_CHANGED = SIMULATED_START - 29 * DAY;

/** Simulated users who may change what they hold to be right. */
type ChangingUsers = { changeConvention: boolean } | undefined;

/** What the simulated users held to be right at a time; today where none is given. */
export const conventionAt = (users: ChangingUsers, ts?: string): Convention =>
  users?.changeConvention && (ts === undefined || Date.parse(ts) >= CONVENTION_CHANGED) ? 'new' : 'old';

/** What the loop itself takes for right: users tell it nothing of their conventions, so that it has no say in them. */
export const ownConvention = (users: ChangingUsers): 'old' | 'either' => (users?.changeConvention ? 'either' : 'old');

/** The simulated present of a round, ISO 8601: no feedback of the round is later. Ages are counted to this date. */
export function simulatedNow(round: number): string {
  return new Date(SIMULATED_START + round * DAY).toISOString();
}

/**
 * The feedback event of a simulated user: deterministic in loop, round and request. The time lies within the 60 days
 * before {@link simulatedNow}; `SUCCESS` from 70 points, else `VALIDATION_FAILURE`, `USER_CORRECTION` where a
 * correction is attached. `context.notes` says that it is simulated.
 */
export function simulateFeedback(input: SimulatedFeedbackInput): FeedbackEvent {
  const digest = createHash('sha256')
    .update(JSON.stringify([input.loop, input.round, input.requestId]))
    .digest();
  const age = (digest.readUInt32BE(0) / 0x1_0000_0000) * SPREAD_DAYS * DAY;
  const ts = new Date(Date.parse(simulatedNow(input.round)) - Math.floor(age)).toISOString();
  const score = typeof input.validationScore === 'number' ? input.validationScore : input.validationScore(ts);
  const event: FeedbackEvent = {
    id: `simulated-${digest.toString('hex').slice(0, 32)}`,
    ts,
    input_data: input.specification,
    ai_output: input.output,
    artifact_type: input.artifactType,
    model_used: input.modelUsed,
    validation_score: score,
    feedback_type: score >= SUCCESS_SCORE ? 'SUCCESS' : 'VALIDATION_FAILURE',
    context: { notes: 'simulated' },
  };
  if (input.correctedOutput === undefined) return event;
  return { ...event, feedback_type: 'USER_CORRECTION', corrected_output: input.correctedOutput };
}
