import type { ArtifactType, FeedbackEvent, RewardRow } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { SimilarityCalculator } from '../metrics/similarity-calculator.js';
import { EnhancedRewardCalculator, type RewardInput, type RewardSettings } from './enhanced-reward-calculator.js';
import { EVIDENCE, signalOf, signalReward } from './feedback-reward.js';
import { UNKNOWN_TRUST, type JudgedEvent } from './source-trust.js';

export interface ScoreRewardsOptions {
  /** The moment that ages are measured at: ISO 8601, UTC. Events later than it have age 0. */
  asOf: string;
  config: RewardSettings;
  /** 0–1, from the input alone. */
  difficultyOf: (event: FeedbackEvent) => number;
  /** Events of each type that compete; default: those in `events`. */
  countOfType?: Partial<Record<ArtifactType, number>>;
  /** Similarity 0–1 of output and correction; default: {@link SimilarityCalculator} without embeddings. */
  similarity?: (output: string, correction: string) => number;
  /** What is believed of events that name their source. */
  judged?: ReadonlyMap<string, JudgedEvent>;
}

export const MILLISECONDS_PER_DAY = 86_400_000;

/**
 * R1 for a set of events: one row an event, in the order given; rows do not depend on that order.
 * What the user said enters as a similarity: `USER_CORRECTION` (and any event with a corrected output) the similarity
 * of output and correction, `EXPLICIT_POSITIVE` 1, `EXPLICIT_NEGATIVE` 0; `SUCCESS` and `VALIDATION_FAILURE` are the
 * validator's word, already in the score. A `PREFERENCE`, a thumb or an `IMPLICIT` action moves the base by the reward of
 * the signal times its evidence. Where sources are judged, what they say together takes the place of what each says, as
 * far as the event's source is believed.
 * @throws RatchetError E_DATA_INVALID on an unreadable time or a number out of range.
 */
export function scoreRewards(events: readonly FeedbackEvent[], options: ScoreRewardsOptions): RewardRow[] {
  const calculator = new EnhancedRewardCalculator(options.config);
  const texts = new SimilarityCalculator();
  const similarity = options.similarity ?? ((output, correction) => texts.calculateSimilarity(output, correction));
  const asOf = timeOf(options.asOf, 'asOf');
  const counts = new Map<ArtifactType, number>();
  for (const event of events) counts.set(event.artifact_type, (counts.get(event.artifact_type) ?? 0) + 1);
  return events.map((event) => {
    const judged = options.judged?.get(event.id);
    return {
      eventId: event.id,
      ...calculator.calculateReward({
        score: event.validation_score,
        ...(judged?.distrusted === undefined && userWord(event, similarity, judged)),
        ageDays: (asOf - timeOf(event.ts, `event ${event.id}`)) / MILLISECONDS_PER_DAY,
        difficulty: options.difficultyOf(event),
        countOfType: options.countOfType?.[event.artifact_type] ?? counts.get(event.artifact_type)!,
      }),
      ...(judged !== undefined && { trust: judged.trust }),
      ...(judged?.distrusted !== undefined && { distrusted: judged.distrusted }),
    };
  });
}

/** What the user lets the reward know, outright or by a hint. */
function userWord(
  event: FeedbackEvent,
  similarity: (output: string, correction: string) => number,
  judged: JudgedEvent | undefined,
): Pick<RewardInput, 'correctionSimilarity' | 'opinionTrust' | 'hint'> {
  const opinion = opinionOf(event, similarity);
  const trust = judged === undefined ? 1 : Math.min(1, judged.trust / UNKNOWN_TRUST);
  if (opinion !== undefined)
    return judged === undefined
      ? { correctionSimilarity: opinion }
      : { correctionSimilarity: (judged.value! + 1) / 2, opinionTrust: trust };
  const signal = signalOf(event);
  if (signal === null) return {};
  return { hint: EVIDENCE[signal.kind] * trust * (judged?.value ?? signalReward(signal)) };
}

/** What the user thought of the output, 0–1; undefined when the user said nothing. */
export function opinionOf(
  event: FeedbackEvent,
  similarity: (output: string, correction: string) => number,
): number | undefined {
  if (event.corrected_output !== undefined) return similarity(event.ai_output, event.corrected_output);
  if (event.feedback_type === 'EXPLICIT_POSITIVE') return 1;
  if (event.feedback_type === 'EXPLICIT_NEGATIVE') return 0;
  return undefined;
}

/** Whether the user said outright what he thinks of the output. */
export const hasOpinion = (event: FeedbackEvent): boolean => opinionOf(event, () => 0) !== undefined;

/**
 * Milliseconds since 1970; a time without a zone is UTC, whatever the machine's zone.
 * @throws RatchetError E_DATA_INVALID
 */
export function timeOf(text: string, where: string): number {
  const zoned = /T[^Z+-]*$/i.test(text) ? `${text}Z` : text;
  // oxlint-disable-next-line no-restricted-globals -- reading a text is not reading the clock
  const time = Date.parse(zoned);
  if (Number.isFinite(time)) return time;
  throw new RatchetError('E_DATA_INVALID', `reward: ${where} has the time "${text}", which is not ISO 8601`, {
    hint: 'Write times as 2026-11-21T09:30:00Z.',
  });
}
