import type { ArtifactType, ExampleRow, FeedbackEvent, RejectedRow } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { heldOutRequests } from '../tracking/held-out.js';
import { pairsFromFeedback } from './pairs-from-feedback.js';
import { PreferenceLearner } from './preference-learner.js';
import { pairId, type PreferencePair } from './preference-pair.js';

export interface RoundPairsInput {
  /** The round's feedback. */
  events: readonly FeedbackEvent[];
  /** Labels of these and earlier events, as the quality gates passed them. */
  examples: readonly ExampleRow[];
  /** Several answers of one model to one request. */
  samples: readonly { artifactType: ArtifactType; input: string; outputs: readonly string[] }[];
  /** The validator, 0–100. */
  scoreOf: (artifactType: ArtifactType, input: string, output: string) => number;
}

export interface RoundPairsOptions {
  minimumLead: number;
  maximumPairs: number;
  seed: number;
  /** Of the two answers of a comparison, 0–1; default: edits and BLEU. */
  similarity?: (output: string, other: string) => number;
}

/**
 * The pairs of a round, by id: from what users said of stored answers, a label counting as the correction of the answer it
 * replaces, and from sampled answers ranked by the validator. Requests with a label on the validation side make no pairs.
 * Where samples turn around what users said, the users are right. Of more pairs than `maximumPairs` a seeded draw is kept.
 * Prompts are the requests. Does not depend on the order of the inputs.
 */
export function roundPairs(
  { events, examples, samples, scoreOf }: RoundPairsInput,
  { minimumLead, maximumPairs, seed, similarity }: RoundPairsOptions,
): { pairs: PreferencePair[]; rejected: RejectedRow[] } {
  const isHeldOut = heldOutRequests(examples);
  const labels = new Map(
    examples.filter((row) => row.source === 'correction').map((row) => [row.eventId, row.target] as const),
  );
  const corrected = events
    .filter((event) => !isHeldOut(event.artifact_type, event.input_data))
    .map((event) => {
      const label = labels.get(event.id);
      return label === undefined ? event : { ...event, corrected_output: label };
    });
  const { pairs, rejected } = pairsFromFeedback(corrected, {
    minimumLead,
    ...(similarity && { similarity }),
    scoreOf: (event, output) => scoreOf(event.artifact_type, event.input_data, output),
  });
  const found = new Map(pairs.map((pair) => [pair.id, pair]));
  const learner = new PreferenceLearner({ minimumLead });
  for (const { artifactType, input, outputs } of samples) {
    if (isHeldOut(artifactType, input)) continue;
    const scores = outputs.map((output) => scoreOf(artifactType, input, output));
    const ranked = learner.collectPreferences(input, outputs, scores, artifactType);
    rejected.push(...ranked.rejected);
    for (const pair of ranked.pairs) {
      if (found.has(pairId(artifactType, input, pair.rejected, pair.chosen))) {
        const reason = 'users prefer the answer that the validator scores lower';
        rejected.push({ source: 'preference', line: 0, field: 'outputs', reason, raw: rawOf(pair) });
      } else if (!found.has(pair.id)) found.set(pair.id, pair);
    }
  }
  const ordered = [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  if (ordered.length <= maximumPairs) return { pairs: ordered, rejected };
  const drawn = stream(seed, 'preference', 'pairs').shuffle(ordered).slice(0, maximumPairs);
  return { pairs: drawn.sort((a, b) => (a.id < b.id ? -1 : 1)), rejected };
}

const RAW_LIMIT = 4096;

function rawOf({ prompt, chosen, rejected }: PreferencePair): string {
  return JSON.stringify({ prompt, chosen, rejected }).slice(0, RAW_LIMIT);
}
