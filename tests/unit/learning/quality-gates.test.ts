import { describe, expect, it } from 'vitest';
import { labelOf, labelTrust } from '../../../learning/feedback/label.js';
import { candidateKey, QualityGates, type LabelCandidate } from '../../../learning/feedback/quality-gates.js';
import { feedbackEvent } from './events.js';

const good: LabelCandidate = {
  id: 'good',
  artifactType: 'erd',
  input: 'customer has name',
  target: 'customer { string name }',
  labelScore: 100,
};
/** Share of the target's words of four letters or more that the input has. */
const groundednessOf = ({ input, target }: LabelCandidate) => {
  const words = (target.match(/[a-z]{4,}/g) ?? []).filter((word) => word !== 'string');
  return words.filter((word) => input.includes(word)).length / words.length;
};
const junk: LabelCandidate[] = [
  { ...good, id: 'j1', target: ' \n\t' },
  { ...good, id: 'j2', input: '' },
  { ...good, id: 'j3', target: 'customer { string name int age }', labelScore: 69.9 },
  { ...good, id: 'j4', target: 'thing { string stuff } widget { string item }' },
  { ...good, id: 'z5', target: 'Customer {  string name }' },
];

describe('QualityGates', () => {
  it('R15: rejects planted junk with its reason and keeps what is grounded', () => {
    const { accepted, rejected } = new QualityGates({ groundednessOf }).apply([...junk, good]);
    expect(accepted).toEqual([good]);
    expect(rejected.map(({ candidate, gate, row }) => [candidate.id, gate, row.reason])).toEqual([
      ['j1', 'non-empty', 'the target is empty'],
      ['j2', 'non-empty', 'the input is empty'],
      ['j3', 'score', 'the label scores 69.9, below 70'],
      ['j4', 'groundedness', 'generic content: 0 % of its identifiers come from the request'],
      ['z5', 'duplicate', 'duplicate of good'],
    ]);
    expect(rejected[2]!.row).toEqual({
      source: 'gate',
      line: 0,
      field: 'labelScore',
      reason: 'the label scores 69.9, below 70',
      raw: JSON.stringify({ id: 'j3', input: good.input, target: 'customer { string name int age }' }),
    });
  });

  it('R15: version 1 checks emptiness and score only', () => {
    const { rejected } = new QualityGates({ gates: ['non-empty', 'score'], groundednessOf }).apply([...junk, good]);
    expect(rejected.map(({ candidate }) => candidate.id)).toEqual(['j1', 'j2', 'j3']);
  });

  it('R15: which of two duplicates stays does not depend on their order', () => {
    const twins = [
      { ...good, id: 'b' },
      { ...good, id: 'a' },
    ];
    expect(new QualityGates().apply(twins).accepted.map((row) => row.id)).toEqual(['a']);
    expect(new QualityGates().apply([...twins].reverse()).accepted.map((row) => row.id)).toEqual(['a']);
  });

  it('R15: a rejected label does not make its twin a duplicate', () => {
    const twins = [
      { ...good, id: 'a', labelScore: 0 },
      { ...good, id: 'b' },
    ];
    expect(new QualityGates().apply(twins).accepted.map((row) => row.id)).toEqual(['b']);
  });

  it('R15: labels of earlier rounds are duplicates too', () => {
    const { rejected } = new QualityGates().apply([good], new Set([candidateKey(good)]));
    expect(rejected.map(({ row }) => row.reason)).toEqual(['duplicate of a label of an earlier round']);
  });

  it('R15: a score that is no number does not pass', () => {
    expect(new QualityGates().apply([{ ...good, labelScore: NaN }]).accepted).toEqual([]);
  });
});

describe('labelOf', () => {
  it('R15: takes the correction, else an accepted output, else nothing', () => {
    expect(labelOf(feedbackEvent({ feedback_type: 'USER_CORRECTION', corrected_output: 'better' }))).toEqual({
      text: 'better',
      source: 'correction',
    });
    const { ai_output } = feedbackEvent();
    expect(labelOf(feedbackEvent())).toEqual({ text: ai_output, source: 'accepted' });
    expect(labelOf(feedbackEvent({ feedback_type: 'EXPLICIT_POSITIVE' }))).toEqual({
      text: ai_output,
      source: 'accepted',
    });
    expect(labelOf(feedbackEvent({ feedback_type: 'VALIDATION_FAILURE' }))).toBeNull();
    expect(labelOf(feedbackEvent({ feedback_type: 'EXPLICIT_NEGATIVE' }))).toBeNull();
  });

  it('R6: trust in a label follows its origin and its own score, not the score of the output', () => {
    const failed = feedbackEvent({ feedback_type: 'USER_CORRECTION', corrected_output: 'better', validation_score: 5 });
    expect(labelTrust(failed, labelOf(failed)!, 100)).toBe(1);
    expect(labelTrust(failed, labelOf(failed)!, 50)).toBe(0.5);
    expect(labelTrust(feedbackEvent(), labelOf(feedbackEvent())!, 100)).toBeCloseTo(0.8, 12);
  });
});
