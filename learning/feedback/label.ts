import type { ExampleRow, FeedbackEvent } from '../../config/domain.js';

export interface Label {
  text: string;
  source: Exclude<ExampleRow['source'], 'augmented'>;
}

/**
 * The answer an event teaches, or null when it teaches none. A corrected output is a label whatever the type says;
 * `SUCCESS`, `EXPLICIT_POSITIVE` and `THUMBS_UP` accept the output as it is; the other types only say what is wrong, or
 * better than something else. Whether the label is good enough is for the quality gates.
 */
export function labelOf(event: FeedbackEvent): Label | null {
  if (event.corrected_output !== undefined) return { text: event.corrected_output, source: 'correction' };
  if (isAccepted(event)) {
    return { text: event.ai_output, source: 'accepted' };
  }
  return null;
}

/** Whether the user takes the output as it is. */
export function isAccepted({ feedback_type: type }: FeedbackEvent): boolean {
  return type === 'SUCCESS' || type === 'EXPLICIT_POSITIVE' || type === 'THUMBS_UP';
}

/** How far a label of each origin is believed before the validator has spoken. */
const ORIGIN_TRUST = { correction: 1, explicit: 0.9, accepted: 0.8 };

/**
 * Trust in a label, 0–1: its origin's trust × the validator's score of the *label* (0–100). This is the `quality` of
 * active learning: it says nothing of how the model did, so it does not cancel the uncertainty.
 */
export function labelTrust(event: FeedbackEvent, label: Label, labelScore: number): number {
  const origin =
    label.source === 'correction'
      ? 'correction'
      : event.feedback_type === 'EXPLICIT_POSITIVE'
        ? 'explicit'
        : 'accepted';
  return (ORIGIN_TRUST[origin] * labelScore) / 100;
}
