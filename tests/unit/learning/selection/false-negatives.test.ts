import { describe, expect, it } from 'vitest';
import { falseNegativeReason } from '../../../../learning/selection/false-negatives.js';
import { feedbackEvent } from '../events.js';

describe('falseNegativeReason', () => {
  const failure = feedbackEvent({ validation_score: 40, feedback_type: 'VALIDATION_FAILURE' });

  it('R10: a failure that the validator confirms is one', () => {
    expect(falseNegativeReason(failure, () => 59.9)).toBeNull();
    const corrected = { ...failure, feedback_type: 'USER_CORRECTION' as const, corrected_output: 'erDiagram order' };
    expect(falseNegativeReason(corrected, () => 40)).toBeNull();
  });

  it('R10: an accepted output, one that is hardly corrected, and one the validator passes are none', () => {
    expect(falseNegativeReason({ ...failure, feedback_type: 'EXPLICIT_POSITIVE' }, () => 0)).toMatch(/accepted/);
    const corrected_output = `${failure.ai_output} `;
    expect(falseNegativeReason({ ...failure, corrected_output }, () => 0)).toMatch(/next to nothing/);
    expect(falseNegativeReason(failure, () => 60)).toBe('the validator gives the output 60');
  });
});
