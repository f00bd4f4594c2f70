import type { FeedbackEvent } from '../../config/domain.js';
import { isAccepted } from '../feedback/label.js';
import { levenshteinSimilarity } from '../metrics/levenshtein.js';
import { FAILURE_THRESHOLD } from './hard-negative-miner.js';

/** Outputs at least this alike to their correction differ in form, not in substance. */
const SAME_ANSWER = 0.95;

/**
 * Why a failure is none: an output that was scored as one though it is right. Training hard on such a row would unlearn
 * what the model does well. Null for a true failure.
 * @param validate the score (0–100) that the validator gives the output now
 */
export function falseNegativeReason(event: FeedbackEvent, validate: (event: FeedbackEvent) => number): string | null {
  if (isAccepted(event)) return 'the user accepted the output';
  const { ai_output: output, corrected_output: correction } = event;
  if (correction !== undefined && levenshteinSimilarity(output, correction) >= SAME_ANSWER) {
    return 'the correction changes next to nothing';
  }
  const score = validate(event);
  return score >= FAILURE_THRESHOLD ? `the validator gives the output ${score}` : null;
}
