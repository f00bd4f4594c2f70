import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PreferenceLearner } from '../../../../learning/preference/preference-learner.js';
import { preferenceRow } from '../../../../learning/preference/preference-pair.js';

const learner = new PreferenceLearner();
const outputs = ['a', 'b', 'c', 'd', 'e'];
const collect = (scores: number[], texts = outputs.slice(0, scores.length)) =>
  learner.collectPreferences('a customer', texts, scores, 'erd', {});

describe('PreferenceLearner', () => {
  it('R8: five distinct scores give all ten pairs, the widest margin first', () => {
    const { pairs, ranking } = collect([20, 100, 60, 40, 80]);
    expect(ranking.map(({ output }) => output).join('')).toBe('becda');
    expect(pairs.map(({ chosen, rejected, margin }) => `${chosen}>${rejected} ${margin}`)).toEqual([
      'b>a 0.8',
      'b>d 0.6',
      'e>a 0.6',
      'b>c 0.4',
      'e>d 0.4',
      'c>a 0.4',
      'b>e 0.2',
      'e>c 0.2',
      'c>d 0.2',
      'd>a 0.2',
    ]);
    expect(new Set(pairs.map(({ id }) => id)).size).toBe(10);
  });

  it('R8: ties give no pair', () => {
    expect(collect([50, 50]).pairs).toEqual([]);
    expect(collect([90, 50, 50]).pairs.map(({ chosen, rejected }) => chosen + rejected)).toEqual(['ab', 'ac']);
  });

  it("R8: rows have what the engine's preference objectives read", () => {
    const [pair] = collect([10, 30]).pairs;
    expect(preferenceRow(pair!)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      prompt: 'a customer',
      chosen: 'b',
      rejected: 'a',
    });
  });

  it('R8: one answer given twice counts once with its mean, and a blank one goes to the ledger', () => {
    const { ranking, pairs, rejected } = collect([100, 80, 60, 0], ['x', 'x', 'y', ' \n']);
    expect(ranking).toEqual([
      { output: 'x', score: 90 },
      { output: 'y', score: 60 },
    ]);
    expect(pairs).toHaveLength(1);
    expect(rejected).toMatchObject([{ source: 'preference', field: 'outputs', reason: 'the output is empty' }]);
  });

  it('R8: a lead below the minimum is no preference', () => {
    const strict = new PreferenceLearner({ minimumLead: 10 });
    const pairs = (scores: number[]) => strict.collectPreferences('in', ['x', 'y'], scores, 'erd').pairs.length;
    expect([pairs([60, 50]), pairs([59, 50])]).toEqual([1, 0]);
  });

  it('R8: the prompt may carry the context', () => {
    const grounded = new PreferenceLearner({ promptOf: (input, { rag = '' }) => `${rag}\n${input}` });
    const { pairs } = grounded.collectPreferences('in', ['x', 'y'], [1, 2], 'erd', { rag: 'notes' });
    expect(pairs[0]!.prompt).toBe('notes\nin');
  });

  it.each([
    ['the input is empty', ' ', ['a', 'b'], [1, 2]],
    ['1 outputs, not 2 to 5', 'in', ['a'], [1]],
    ['6 outputs, not 2 to 5', 'in', [...outputs, 'f'], [1, 2, 3, 4, 5, 6]],
    ['2 outputs but 1 scores', 'in', ['a', 'b'], [1]],
    ['score 2 is NaN, outside 0 … 100', 'in', ['a', 'b'], [1, NaN]],
    ['score 1 is 100.5, outside 0 … 100', 'in', ['a', 'b'], [100.5, 1]],
  ])('R8: refuses: %s', (message, input, texts, scores) => {
    expect(() => learner.collectPreferences(input, texts, scores, 'erd', {})).toThrow(`preferences: ${message}`);
  });

  it('R8: pairs are a strict order that the order of the answers does not change', () => {
    const answer = fc.record({
      output: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      score: fc.integer({ min: 0, max: 100 }),
    });
    const answers = fc.array(answer, { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(answers, (list) => {
        const from = (items: typeof list) =>
          collect(
            items.map(({ score }) => score),
            items.map(({ output }) => output),
          );
        const { pairs, ranking } = from(list);
        expect(from([...list].reverse())).toEqual(from(list));
        const scoreOf = new Map(ranking.map(({ output, score }) => [output, score]));
        for (const { chosen, rejected, margin } of pairs) {
          expect(scoreOf.get(chosen)! - scoreOf.get(rejected)!).toBeCloseTo(margin * 100, 9);
          expect(margin).toBeGreaterThan(0);
        }
        const ties = ranking.flatMap((a, i) => ranking.slice(i + 1).filter((b) => b.score === a.score)).length;
        expect(pairs).toHaveLength((ranking.length * (ranking.length - 1)) / 2 - ties);
      }),
      { seed: 1 },
    );
  });

  it('R14: passes its own test', () => expect(learner.selfTest()).toMatchObject({ ok: true }));
});
