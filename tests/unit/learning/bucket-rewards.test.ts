import { describe, expect, it } from 'vitest';
import { bucketReward, scoreBucketRewards } from '../../../learning/reward/bucket-rewards.js';
import { feedbackEvent } from './events.js';

describe('bucket rewards', () => {
  it('R13: four values, cut at 50, 70 and 90', () => {
    expect([0, 49.9, 50, 69.9, 70, 89.9, 90, 100].map(bucketReward)).toEqual([-1, -1, -0.5, -0.5, 0.5, 0.5, 1, 1]);
  });

  it('R13: what the user said counts half; age and number of events count nothing', () => {
    const event = feedbackEvent({ validation_score: 95 });
    const events = [
      event,
      { ...event, id: 'old', ts: '2020-01-01T00:00:00Z' },
      { ...event, id: 'corrected', ai_output: 'abcd', corrected_output: 'abce' },
      { ...event, id: 'refused', feedback_type: 'EXPLICIT_NEGATIVE' as const },
    ];
    const rows = scoreBucketRewards(events, () => 0.75);
    expect(rows.map(({ eventId, reward }) => [eventId, reward])).toEqual([
      ['event-1', 1],
      ['old', 1],
      ['corrected', 0.75],
      ['refused', 0],
    ]);
  });
});
