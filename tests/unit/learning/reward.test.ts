import { describe, expect, it } from 'vitest';
import { EnhancedRewardCalculator } from '../../../learning/reward/enhanced-reward-calculator.js';
import { scoreRewards } from '../../../learning/reward/score-rewards.js';
import { feedbackEvent } from './events.js';

const calculator = new EnhancedRewardCalculator();
const neutral = { score: 80, ageDays: 0, difficulty: 0, countOfType: 1 };
const config = { timeDecayRate: 0.95, difficultyWeight: 1.5, balanceThreshold: 100 };
const options = { asOf: '2026-11-21T12:00:00Z', config, difficultyOf: () => 0 };

describe('EnhancedRewardCalculator', () => {
  it('R1: follows the formula, factor by factor', () => {
    // tanh(0.75) = 0.635148952387287, 0.95² = 0.9025, 1 + 0.5·0.8 = 1.4, √(100/400) = 0.5
    const row = calculator.calculateReward({ score: 85, ageDays: 2, difficulty: 0.8, countOfType: 400 });
    expect(row.base).toBeCloseTo(0.635148952387287, 14);
    expect(row.decay).toBeCloseTo(0.9025, 14);
    expect(row.difficultyFactor).toBeCloseTo(1.4, 14);
    expect(row.balanceFactor).toBe(0.5);
    expect(row.reward).toBeCloseTo(0.635148952387287 * 0.9025 * 1.4 * 0.5, 14);
  });

  it('R1: one day keeps 0.95 of the reward', () => {
    const ratio =
      calculator.calculateReward({ ...neutral, ageDays: 1 }).reward / calculator.calculateReward(neutral).reward;
    expect(ratio).toBeCloseTo(0.95, 14);
  });

  it('R1: the 101st event of a type is the first that costs', () => {
    expect(calculator.calculateReward({ ...neutral, countOfType: 100 }).balanceFactor).toBe(1);
    expect(calculator.calculateReward({ ...neutral, countOfType: 101 }).balanceFactor).toBeCloseTo(
      Math.sqrt(100 / 101),
      14,
    );
  });

  it('R1: a correction counts half, as 2·similarity − 1', () => {
    expect(calculator.calculateReward({ ...neutral, correctionSimilarity: 0.25 }).base).toBeCloseTo(
      (Math.tanh(0.5) - 0.5) / 2,
      14,
    );
  });

  it('R1: only positive rewards are amplified by difficulty, and the clip comes last', () => {
    const hard = { ...neutral, difficulty: 1 };
    expect(calculator.calculateReward({ ...hard, score: 30 }).reward).toBe(
      calculator.calculateReward({ ...neutral, score: 30 }).reward,
    );
    expect(calculator.calculateReward({ ...hard, score: 100 }).reward).toBe(1);
    expect(calculator.calculateReward({ ...hard, score: 100, ageDays: 10 }).reward).toBeCloseTo(
      Math.tanh(1.5) * 1.5 * 0.95 ** 10,
      14,
    );
  });

  it.each([
    ['score', NaN],
    ['score', 100.5],
    ['difficulty', 1.1],
    ['countOfType', 0],
    ['correctionSimilarity', -0.1],
    ['ageDays', NaN],
  ])('R1: refuses %s = %s by name', (field, value) => {
    expect(() => calculator.calculateReward({ ...neutral, [field]: value })).toThrow(`reward: ${field} is ${value}`);
  });
});

describe('scoreRewards', () => {
  it('R1: measures the age at asOf and gives a future event age 0', () => {
    const rows = scoreRewards(
      [
        feedbackEvent({ id: 'past', ts: '2026-11-20T00:00:00Z' }),
        feedbackEvent({ id: 'future', ts: '2027-01-01T00:00:00Z' }),
      ],
      options,
    );
    expect(rows.map((row) => [row.eventId, row.ageDays])).toEqual([
      ['past', 1.5],
      ['future', 0],
    ]);
  });

  it('R1: explicit feedback counts as a similarity of 1 or 0, a success as no opinion', () => {
    const base = (type: 'EXPLICIT_POSITIVE' | 'EXPLICIT_NEGATIVE' | 'SUCCESS') =>
      scoreRewards([feedbackEvent({ feedback_type: type })], options)[0]!.base;
    expect(base('SUCCESS')).toBeCloseTo(Math.tanh(0.5), 14);
    expect(base('EXPLICIT_POSITIVE')).toBeCloseTo((Math.tanh(0.5) + 1) / 2, 14);
    expect(base('EXPLICIT_NEGATIVE')).toBeCloseTo((Math.tanh(0.5) - 1) / 2, 14);
  });

  it('R1: a correction far from the output costs more than a near one', () => {
    const corrected = (text: string) =>
      scoreRewards([feedbackEvent({ feedback_type: 'USER_CORRECTION', corrected_output: text })], options)[0]!.reward;
    const output = feedbackEvent().ai_output;
    expect(corrected(output)).toBeGreaterThan(corrected(`${output} order ||--|| invoice : has`));
    expect(corrected(`${output} order ||--|| invoice : has`)).toBeGreaterThan(corrected('flowchart LR'));
  });

  it('R1: counts events by artifact type', () => {
    const events = Array.from({ length: 101 }, (_, index) => feedbackEvent({ id: `e${index}` }));
    const rows = scoreRewards([...events, feedbackEvent({ id: 'rare', artifact_type: 'architecture' })], options);
    expect(rows[0]!.balanceFactor).toBeCloseTo(Math.sqrt(100 / 101), 14);
    expect(rows[101]!.balanceFactor).toBe(1);
  });

  it('R1: a time without a zone is UTC, on every machine', () => {
    const ages = ['2026-11-20T12:00:00', '2026-11-20T12:00:00Z', '2026-11-20T14:00:00+02:00'].map(
      (ts) => scoreRewards([feedbackEvent({ ts })], options)[0]!.ageDays,
    );
    expect(ages).toEqual([1, 1, 1]);
  });

  it('R1: an unreadable time is named', () => {
    expect(() => scoreRewards([feedbackEvent({ id: 'odd', ts: 'yesterday' })], options)).toThrow(
      'event odd has the time "yesterday"',
    );
  });
});
