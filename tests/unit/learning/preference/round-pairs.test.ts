import { describe, expect, it } from 'vitest';
import type { ExampleRow, FeedbackEvent } from '../../../../config/domain.js';
import { roundPairs, type RoundPairsInput } from '../../../../learning/preference/round-pairs.js';
import { example, feedbackEvent } from '../events.js';

const event = (id: string, change: Partial<FeedbackEvent>): FeedbackEvent => feedbackEvent({ id, ...change });

const label = (id: string, change: Partial<ExampleRow>) => example({ id, eventId: id, target: 'good', ...change });

/** The validator of these tests reads the score off the answer. */
const SCORES: Record<string, number> = { good: 100, fair: 60, poor: 20, none: 0 };
const scoreOf = (_type: string, _input: string, output: string) => SCORES[output] ?? 0;
const OPTIONS = { minimumLead: 0, maximumPairs: 100, seed: 1 };
const input = (given: Partial<RoundPairsInput>): RoundPairsInput => ({
  events: [],
  examples: [],
  samples: [],
  scoreOf,
  ...given,
});
const told = (pairs: { prompt: string; chosen: string; rejected: string }[]) =>
  pairs.map(({ prompt, chosen, rejected }) => `${prompt}: ${chosen} > ${rejected}`).sort();

describe('roundPairs', () => {
  it('R8: a label is the correction of the answer it replaces, and sampled answers are ranked by the validator', () => {
    const { pairs, rejected } = roundPairs(
      input({
        events: [event('1', { input_data: 'one', ai_output: 'poor', validation_score: 20 })],
        examples: [label('1', { input: 'one' })],
        samples: [{ artifactType: 'erd', input: 'two', outputs: ['poor', 'good', 'fair', 'fair'] }],
      }),
      OPTIONS,
    );
    expect(told(pairs)).toEqual(['one: good > poor', 'two: fair > poor', 'two: good > fair', 'two: good > poor']);
    expect(pairs.find((pair) => pair.prompt === 'one')).toMatchObject({ source: 'edit', margin: 0.8, eventIds: ['1'] });
    expect(rejected).toEqual([]);
  });

  it('R8: requests that trainings are validated on make no pairs', () => {
    const pairsOf = (text: string) =>
      roundPairs(
        input({
          events: [
            event('1', { input_data: 'a shop has', ai_output: 'poor', validation_score: 20 }),
            event('2', { input_data: text, feedback_type: 'PREFERENCE', ai_output: 'good', rejected_output: 'poor' }),
          ],
          examples: [label('1', { input: 'a shop has', split: 'validation' })],
          samples: [{ artifactType: 'erd', input: text, outputs: ['fair', 'good'] }],
        }),
        OPTIONS,
      ).pairs;
    expect(pairsOf('a shop has')).toEqual([]);
    expect(pairsOf('A shop  has.')).toEqual([]);
    expect(pairsOf('a shop sells')).toHaveLength(2);
  });

  it('R8: where samples turn around what users said, the users are right and the ledger says so', () => {
    const says = (id: string, ai_output: string, feedback_type: FeedbackEvent['feedback_type']) =>
      event(id, { input_data: 'one', ai_output, feedback_type, validation_score: 50 });
    const { pairs, rejected } = roundPairs(
      input({
        events: [says('1', 'poor', 'EXPLICIT_POSITIVE'), says('2', 'good', 'EXPLICIT_NEGATIVE')],
        samples: [{ artifactType: 'erd', input: 'one', outputs: ['poor', 'good', 'none'] }],
      }),
      OPTIONS,
    );
    expect(told(pairs)).toEqual(['one: good > none', 'one: poor > good', 'one: poor > none']);
    expect(rejected.map((row) => row.reason)).toEqual(['users prefer the answer that the validator scores lower']);
  });

  it('R8: leaves out leads below the least, and draws from more pairs than a round learns, whatever their order', () => {
    const requests = Array.from({ length: 30 }, (_, place) => `request ${place}`);
    const samples = requests.map((text) => ({ artifactType: 'erd' as const, input: text, outputs: ['fair', 'good'] }));
    expect(roundPairs(input({ samples }), { ...OPTIONS, minimumLead: 41 }).pairs).toEqual([]);
    const drawn = roundPairs(input({ samples }), { ...OPTIONS, maximumPairs: 10 }).pairs;
    expect(drawn).toHaveLength(10);
    const reversed = samples.toReversed().map((row) => ({ ...row, outputs: row.outputs.toReversed() }));
    expect(roundPairs(input({ samples: reversed }), { ...OPTIONS, maximumPairs: 10 }).pairs).toEqual(drawn);
    expect(roundPairs(input({ samples }), { ...OPTIONS, maximumPairs: 10, seed: 2 }).pairs).not.toEqual(drawn);
  });
});
