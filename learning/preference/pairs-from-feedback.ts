import type { FeedbackEvent, RejectedRow } from '../../config/domain.js';
import { SimilarityCalculator } from '../metrics/similarity-calculator.js';
import { pairRanking, rankOutputs, type PreferenceOptions, type RankedOutput } from './preference-learner.js';
import { pairId, preferencePair, type PreferencePair } from './preference-pair.js';

export interface FeedbackPairOptions extends PreferenceOptions {
  /** The validator's score of a correction, 0–100; without it a correction is believed to be better. */
  scoreOf?: (event: FeedbackEvent, output: string) => number;
  /** Similarity 0–1 of answer and correction; default: {@link SimilarityCalculator} without embeddings. */
  similarity?: (output: string, correction: string) => number;
  /** Ranked answers paired for one request, ≥ 2: more are thinned out evenly over the ranks. Default 5. */
  maximumOutputs?: number;
}

export interface FeedbackPairs {
  /** By id. */
  pairs: PreferencePair[];
  rejected: RejectedRow[];
}

type AddPair = (
  event: FeedbackEvent,
  parts: Pick<PreferencePair, 'chosen' | 'rejected' | 'source' | 'margin' | 'eventIds'>,
) => void;

const RAW_LIMIT = 4096;
const THUMBS: Partial<Record<FeedbackEvent['feedback_type'], number>> = {
  EXPLICIT_POSITIVE: 1,
  THUMBS_UP: 1,
  EXPLICIT_NEGATIVE: -1,
  THUMBS_DOWN: -1,
};

/**
 * Pairs from what users said about stored answers:
 * - **edit**: a correction is better than the answer it corrects;
 * - **comparison**: of two answers the one that the user prefers;
 * - **ranking**: of answers to one request the better scored one;
 * - **thumbs**: of answers to one request that score the same, one with thumbs up over one with thumbs down.
 *
 * Left out, with a row for the ledger: a correction that does not score above its answer, a comparison that the validator
 * contradicts, answers whose thumbs
 * contradict their scores, and a pair that other feedback turns around. Does not depend on the order of the events.
 */
export function pairsFromFeedback(events: readonly FeedbackEvent[], options: FeedbackPairOptions = {}): FeedbackPairs {
  const texts = new SimilarityCalculator();
  const similarity = options.similarity ?? ((output, correction) => texts.calculateSimilarity(output, correction));
  const promptOf = options.promptOf ?? ((input: string) => input);
  const rejected: RejectedRow[] = [];
  const found = new Map<string, PreferencePair>();
  const groups = new Map<string, FeedbackEvent[]>();

  for (const event of [...events].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))) {
    const key = JSON.stringify([event.artifact_type, promptOf(event.input_data, event.context)]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [event]);
    else group.push(event);
  }

  const add: AddPair = (event, parts) => {
    const prompt = promptOf(event.input_data, event.context);
    const pair = preferencePair({ prompt, artifactType: event.artifact_type, ...parts });
    const earlier = found.get(pair.id);
    if (earlier === undefined) found.set(pair.id, pair);
    else earlier.eventIds = [...new Set([...earlier.eventIds, ...pair.eventIds])].sort();
  };

  for (const group of groups.values()) {
    for (const event of group) {
      pairComparison(event, options.scoreOf, similarity, add, rejected);
      const correction = event.corrected_output;
      if (correction === undefined || correction.trim() === '' || correction === event.ai_output) continue;
      const lead = options.scoreOf && options.scoreOf(event, correction) - event.validation_score;
      if (lead !== undefined && (lead <= 0 || lead < (options.minimumLead ?? 0))) {
        const reason = `the correction of ${event.id} scores no better than the answer (by ${lead} points)`;
        rejected.push(ledgerRow('corrected_output', reason, { chosen: correction, rejected: event.ai_output }));
        continue;
      }
      const margin = lead === undefined ? 1 - similarity(event.ai_output, correction) : lead / 100;
      add(event, { chosen: correction, rejected: event.ai_output, source: 'edit', margin, eventIds: [event.id] });
    }
    pairGroup(group, options, add, rejected);
  }

  const pairs = [...found.values()].filter((pair) => {
    const { artifactType, prompt, chosen } = pair;
    if (!found.has(pairId(artifactType, prompt, pair.rejected, chosen))) return true;
    const reason = `feedback disagrees about which answer is better (${pair.eventIds.join(', ')})`;
    rejected.push(ledgerRow('feedback_type', reason, { chosen, rejected: pair.rejected }));
    return false;
  });
  return { pairs: pairs.sort((a, b) => (a.id < b.id ? -1 : 1)), rejected };
}

/** The two answers of a `PREFERENCE`. */
function pairComparison(
  event: FeedbackEvent,
  scoreOf: FeedbackPairOptions['scoreOf'],
  similarity: (output: string, other: string) => number,
  add: AddPair,
  rejected: RejectedRow[],
): void {
  const { ai_output: chosen, rejected_output: worse, id } = event;
  if (worse === undefined || chosen.trim() === '') return;
  if (scoreOf && scoreOf(event, worse) > event.validation_score) {
    const reason = `the answer that ${id} prefers scores lower than the other`;
    rejected.push(ledgerRow('rejected_output', reason, { chosen, rejected: worse }));
    return;
  }
  add(event, { chosen, rejected: worse, source: 'comparison', margin: 1 - similarity(chosen, worse), eventIds: [id] });
}

/** Ranking and thumbs among the answers to one request. */
function pairGroup(
  group: readonly FeedbackEvent[],
  options: FeedbackPairOptions,
  add: AddPair,
  rejected: RejectedRow[],
): void {
  const eventsOf = new Map<string, FeedbackEvent[]>();
  for (const event of group) {
    if (event.ai_output.trim() === '') continue;
    eventsOf.set(event.ai_output, [...(eventsOf.get(event.ai_output) ?? []), event]);
  }
  const ranking = rankOutputs(
    new Map([...eventsOf].map(([output, said]) => [output, said.map((event) => event.validation_score)])),
  );
  const thumbsOf = ({ output }: RankedOutput) =>
    Math.sign(eventsOf.get(output)!.reduce((sum, event) => sum + (THUMBS[event.feedback_type] ?? 0), 0));
  const idsOf = (...outputs: RankedOutput[]) =>
    outputs.flatMap(({ output }) => eventsOf.get(output)!.map((event) => event.id)).sort();

  const kept = thinOut(ranking, options.maximumOutputs ?? 5);
  for (const [better, worse] of pairRanking(kept, options.minimumLead)) {
    if (thumbsOf(better) < thumbsOf(worse)) {
      const reason = `thumbs and scores contradict each other (${idsOf(better, worse).join(', ')})`;
      rejected.push(ledgerRow('feedback_type', reason, { chosen: better.output, rejected: worse.output }));
      continue;
    }
    const margin = (better.score - worse.score) / 100;
    const eventIds = idsOf(better, worse);
    add(group[0]!, { chosen: better.output, rejected: worse.output, source: 'ranking', margin, eventIds });
  }
  for (const better of kept.filter((item) => thumbsOf(item) > 0)) {
    for (const worse of kept.filter((item) => thumbsOf(item) < 0 && item.score === better.score)) {
      const eventIds = idsOf(better, worse);
      add(group[0]!, { chosen: better.output, rejected: worse.output, source: 'thumbs', margin: 0, eventIds });
    }
  }
}

/** At most `limit` items, evenly over the ranks; the best and the worst always stay. */
function thinOut(ranking: readonly RankedOutput[], limit: number): RankedOutput[] {
  if (ranking.length <= limit) return [...ranking];
  const step = (ranking.length - 1) / (limit - 1);
  return Array.from({ length: limit }, (_, place) => ranking[Math.round(place * step)]!);
}

function ledgerRow(field: string, reason: string, pair: { chosen: string; rejected: string }): RejectedRow {
  return { source: 'preference', line: 0, field, reason, raw: JSON.stringify(pair).slice(0, RAW_LIMIT) };
}
