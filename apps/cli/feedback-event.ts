import type { ArtifactType, FeedbackEvent, FeedbackType, ImplicitAction } from '../../config/domain.js';
import { ARTIFACT_TYPES, FEEDBACK_TYPES, IMPLICIT_ACTIONS } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { configHash } from '../../config/hash.js';

/** Options of `ratchet feedback add`. */
export interface FeedbackFlags {
  input: string;
  output: string;
  artifactType: string;
  score: string;
  type?: string;
  correction?: string;
  rejected?: string;
  action?: string;
  source?: string;
  model: string;
  notes?: string;
  ts?: string;
  id?: string;
}

/**
 * The event that the options describe. Its id, where none is given, derives from its content: adding the same event
 * twice adds it once. Throws E_USAGE naming the wrong option.
 */
export function feedbackEvent(flags: FeedbackFlags, now: Date): FeedbackEvent {
  const score = Number(flags.score);
  if (flags.score.trim() === '' || !Number.isFinite(score) || score < 0 || score > 100) {
    throw new RatchetError('E_USAGE', `--score wants a number from 0 to 100, got "${flags.score}".`, {
      hint: 'Scores are per cent: 85, not 0.85.',
    });
  }
  const ts = flags.ts ?? now.toISOString();
  if (Number.isNaN(Date.parse(ts))) {
    throw new RatchetError('E_USAGE', `--ts wants an ISO 8601 time, got "${ts}".`, {
      hint: 'For example 2026-11-21T14:05:00Z.',
    });
  }
  const content: Omit<FeedbackEvent, 'id'> = {
    ts: new Date(ts).toISOString(),
    input_data: flags.input,
    ai_output: flags.output,
    artifact_type: oneOf('--artifact-type', flags.artifactType, ARTIFACT_TYPES),
    model_used: flags.model,
    validation_score: score,
    feedback_type: flags.type === undefined ? typeOf(score, flags) : oneOf('--type', flags.type, FEEDBACK_TYPES),
    context: flags.notes === undefined ? {} : { notes: flags.notes },
    ...(flags.correction !== undefined && { corrected_output: flags.correction }),
    ...(flags.rejected !== undefined && { rejected_output: flags.rejected }),
    ...(flags.action !== undefined && { implicit_action: oneOf('--action', flags.action, IMPLICIT_ACTIONS) }),
    ...(flags.source !== undefined && { source: flags.source }),
  };
  return { id: flags.id ?? `cli-${configHash(content).slice(0, 16)}`, ...content };
}

function typeOf(score: number, { correction, rejected, action }: FeedbackFlags): FeedbackType {
  if (correction !== undefined) return 'USER_CORRECTION';
  if (rejected !== undefined) return 'PREFERENCE';
  if (action !== undefined) return 'IMPLICIT';
  return score >= 70 ? 'SUCCESS' : 'VALIDATION_FAILURE';
}

function oneOf<T extends ArtifactType | FeedbackType | ImplicitAction>(
  option: string,
  text: string,
  values: readonly T[],
): T {
  const found = values.find((value) => value === text);
  if (found === undefined) {
    throw new RatchetError('E_USAGE', `${option} wants one of ${values.join(', ')}; got "${text}".`, {
      hint: 'See `ratchet feedback add --help`.',
    });
  }
  return found;
}
