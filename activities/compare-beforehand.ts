import type { FeedbackEvent } from '../config/domain.js';
import { mapInSlices } from './give-way.js';

type Similarity = (first: string, second: string) => number;

/**
 * A similarity that looks up what it is of the events' outputs and their other texts: comparing a thousand pairs of long
 * texts takes seconds.
 */
export async function compareBeforehand(
  events: readonly FeedbackEvent[],
  other: 'corrected_output' | 'rejected_output',
  compare: Similarity,
): Promise<Similarity> {
  const known = new Map<string, Map<string, number>>();
  await mapInSlices(events, ({ ai_output: first, [other]: second }) => {
    if (second === undefined) return;
    const ofFirst = known.get(first) ?? new Map<string, number>();
    if (!ofFirst.has(second)) ofFirst.set(second, compare(first, second));
    known.set(first, ofFirst);
  });
  return (first, second) => known.get(first)?.get(second) ?? compare(first, second);
}
