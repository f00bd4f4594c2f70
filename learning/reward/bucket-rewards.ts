import type { FeedbackEvent, RewardRow } from '../../config/domain.js';
import { opinionOf } from './score-rewards.js';

/** Lowest score of each bucket, the best first, with its reward; everything below gets −1. */
const BUCKETS = [
  { from: 90, reward: 1 },
  { from: 70, reward: 0.5 },
  { from: 50, reward: -0.5 },
] as const;

/** R13: the discrete reward of the first version of the loop: 1, 0.5, −0.5 or −1 by score (0–100). */
export function bucketReward(score: number): number {
  return BUCKETS.find((bucket) => score >= bucket.from)?.reward ?? -1;
}

/**
 * R13: one row an event, in the order given. Where the user said something (a correction, an approval, a rejection) the
 * bucket and 2·similarity − 1 are averaged; age, difficulty and the number of events change nothing.
 * @param similarity of output and correction, 0–1
 */
export function scoreBucketRewards(
  events: readonly FeedbackEvent[],
  similarity: (output: string, correction: string) => number,
): RewardRow[] {
  return events.map((event) => {
    const opinion = opinionOf(event, similarity);
    const bucket = bucketReward(event.validation_score);
    const reward = opinion === undefined ? bucket : (bucket + 2 * opinion - 1) / 2;
    return { eventId: event.id, reward, base: reward, ageDays: 0, decay: 1, difficultyFactor: 1, balanceFactor: 1 };
  });
}
