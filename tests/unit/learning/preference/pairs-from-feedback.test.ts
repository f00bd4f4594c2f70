import { describe, expect, it } from 'vitest';
import type { FeedbackEvent } from '../../../../config/domain.js';
import { pairsFromFeedback, type FeedbackPairOptions } from '../../../../learning/preference/pairs-from-feedback.js';
import { feedbackEvent } from '../events.js';

const answer = (id: string, output: string, score: number, change: Partial<FeedbackEvent> = {}) =>
  feedbackEvent({ id, input_data: 'a customer', ai_output: output, validation_score: score, ...change });
const edit = (id: string, output: string, score: number, correction: string) =>
  answer(id, output, score, { feedback_type: 'USER_CORRECTION', corrected_output: correction });
const up = { feedback_type: 'EXPLICIT_POSITIVE' } as const;
const down = { feedback_type: 'EXPLICIT_NEGATIVE' } as const;

function summary(events: FeedbackEvent[], options?: FeedbackPairOptions) {
  const { pairs, rejected } = pairsFromFeedback(events, options);
  return {
    pairs: pairs.map((pair) => `${pair.source} ${pair.chosen}>${pair.rejected} ${pair.margin.toFixed(2)}`).sort(),
    rejected: rejected.map(({ reason }) => reason),
  };
}

describe('pairsFromFeedback', () => {
  it('R8: answers to one request are ranked by their scores, those of different requests are not', () => {
    const other = answer('4', 'w', 10, { input_data: 'an invoice' });
    const code = answer('5', 'v', 5, { artifact_type: 'code_prototype' });
    expect(summary([answer('1', 'x', 90), answer('2', 'y', 40), answer('3', 'z', 40), other, code])).toEqual({
      pairs: ['ranking x>y 0.50', 'ranking x>z 0.50'],
      rejected: [],
    });
  });

  it('R8: a correction is better than the answer it corrects', () => {
    const options = { similarity: () => 0.75 };
    expect(summary([edit('1', 'x', 40, 'better')], options)).toEqual({ pairs: ['edit better>x 0.25'], rejected: [] });
    expect(summary([edit('1', 'x', 40, 'better')], { scoreOf: () => 100 }).pairs).toEqual(['edit better>x 0.60']);
    const { pairs } = pairsFromFeedback([edit('1', 'x', 40, 'better')], options);
    expect(pairs[0]).toMatchObject({ prompt: 'a customer', eventIds: ['1'], artifactType: 'erd' });
  });

  it('R8: of two answers the preferred one is better, unless the validator says the opposite', () => {
    const events = [answer('1', 'x', 60, { feedback_type: 'PREFERENCE', rejected_output: 'y' })];
    const options = { similarity: () => 0.25 };
    expect(summary(events, options)).toEqual({ pairs: ['comparison x>y 0.75'], rejected: [] });
    expect(summary(events, { ...options, scoreOf: () => 60 }).pairs).toEqual(['comparison x>y 0.75']);
    expect(summary(events, { ...options, scoreOf: () => 61 })).toEqual({
      pairs: [],
      rejected: ['the answer that 1 prefers scores lower than the other'],
    });
  });

  it('R8: a correction that scores no better goes to the ledger', () => {
    expect(summary([edit('1', 'x', 80, 'worse')], { scoreOf: () => 30 })).toEqual({
      pairs: [],
      rejected: ['the correction of 1 scores no better than the answer (by -50 points)'],
    });
  });

  it('R8: thumbs decide between equal scores', () => {
    const events = [answer('1', 'x', 70, up), answer('2', 'y', 70, down), answer('3', 'z', 70)];
    expect(summary(events)).toEqual({ pairs: ['thumbs x>y 0.00'], rejected: [] });
  });

  it('R8: thumbs against scores are a contradiction, not a preference', () => {
    expect(summary([answer('1', 'x', 90, down), answer('2', 'y', 40, up)])).toEqual({
      pairs: [],
      rejected: ['thumbs and scores contradict each other (1, 2)'],
    });
  });

  it('R8: users who turn a pair around cancel each other', () => {
    const { pairs, rejected } = summary([edit('1', 'x', 50, 'y'), edit('2', 'y', 50, 'x')]);
    expect(pairs).toEqual([]);
    expect(rejected).toHaveLength(2);
    expect(rejected[0]).toMatch(/^feedback disagrees about which answer is better/);
  });

  it('R8: the same pair from two users is one pair of both events', () => {
    const { pairs } = pairsFromFeedback([edit('2', 'x', 50, 'y'), edit('1', 'x', 50, 'y')]);
    expect(pairs).toHaveLength(1);
    expect(pairs[0]!.eventIds).toEqual(['1', '2']);
  });

  it('R8: an unchanged or blank correction says nothing', () => {
    expect(summary([edit('1', 'x', 50, 'x'), edit('2', 'x', 50, ' ')]).pairs).toEqual([]);
  });

  it('R8: of many answers five are paired, the best and the worst among them', () => {
    const events = Array.from({ length: 40 }, (_, index) => answer(`${index}`, `answer ${index}`, index));
    const { pairs } = pairsFromFeedback(events);
    expect(pairs).toHaveLength(10);
    expect(pairs.some(({ chosen, rejected }) => chosen === 'answer 39' && rejected === 'answer 0')).toBe(true);
  });

  it('R8: the order of the events changes nothing', () => {
    const events = [
      answer('1', 'x', 90),
      answer('2', 'y', 40, down),
      edit('3', 'z', 40, 'x'),
      edit('4', 'x', 33.3, 'q'),
      answer('5', 'x', 60.1),
    ];
    expect(pairsFromFeedback([...events].reverse())).toEqual(pairsFromFeedback(events));
  });
});
