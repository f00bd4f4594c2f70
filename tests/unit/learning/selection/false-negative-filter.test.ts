import { describe, expect, it } from 'vitest';
import { filterFalseNegatives, type KnownAnswer } from '../../../../learning/selection/false-negative-filter.js';
import type { Outcome } from '../../../../learning/selection/hard-negative-miner.js';

const request = { artifactType: 'erd' as const, input: 'a customer places orders' };
const right = 'erDiagram\ncustomer ||--o{ order : places\norder { date placed }';
const known: KnownAnswer[] = [{ ...request, output: right }];
const failure = (id: string, output: string, change: Partial<Outcome> = {}): Outcome => ({
  id,
  ...request,
  output,
  score: 20,
  difficulty: 0.5,
  ...change,
});

describe('filterFalseNegatives', () => {
  it('R10: a failure that is a right answer is none, up to case, white space and a small edit', () => {
    const failures = [
      failure('same', right),
      failure('spaced', right.toUpperCase().replaceAll('\n', '\n\n ')),
      failure('edited', right.replace('placed', 'place')),
      failure('wrong', 'erDiagram\ncustomer ||--|| order : places\ncustomer { string name }'),
    ];
    const { kept, falseNegatives } = filterFalseNegatives(failures, known);
    expect(kept.map(({ id }) => id)).toEqual(['wrong']);
    expect(falseNegatives.map((row) => `${row.failure.id}: ${row.reason}`)).toEqual([
      'same: the answer is 1.00 like a right one',
      'spaced: the answer is 1.00 like a right one',
      'edited: the answer is 0.98 like a right one',
    ]);
  });

  it('R10: a right answer to another request or of another type excuses nothing', () => {
    const failures = [
      failure('request', right, { input: 'an invoice has a date' }),
      failure('type', right, { artifactType: 'architecture' }),
    ];
    expect(filterFalseNegatives(failures, known).kept).toEqual(failures);
  });

  it('R10: an answer that a user approved is no failure', () => {
    const { kept, falseNegatives } = filterFalseNegatives([failure('a', 'x'), failure('b', 'x')], [], {
      approved: new Set(['a']),
    });
    expect(kept.map(({ id }) => id)).toEqual(['b']);
    expect(falseNegatives[0]!.reason).toBe('a user approved the answer');
  });

  it('R10: the threshold decides', () => {
    const almost = [failure('a', right.replace('order { date placed }', ''))];
    expect(filterFalseNegatives(almost, known).kept).toHaveLength(1);
    expect(filterFalseNegatives(almost, known, { similarity: 0.5 }).kept).toHaveLength(0);
  });
});
