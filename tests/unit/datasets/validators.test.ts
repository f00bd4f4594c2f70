import { describe, expect, it } from 'vitest';
import { validateArtifact } from '../../../datasets/tasks/validators/validate-artifact.js';
import { HIDDEN_INPUTS, sameValue } from '../../../datasets/tasks/validators/validate-code.js';

const ERD = 'a user has name. an order has total. each user places many order.';
const ERD_ANSWER =
  'erDiagram\nuser {\nint id PK\nstring name\n}\norder {\nint id PK\ndecimal total\n}\nuser ||--o{ order : places';

describe('validateArtifact erd', () => {
  const edited = (from: string, to: string) => validateArtifact('erd', ERD, ERD_ANSWER.replace(from, to));

  it('weighs a wrong type by the attribute part alone: 30 · (1 − 2·3/8)', () => {
    expect(edited('decimal total', 'int total').score).toBeCloseTo(100 - 30 * (1 - 6 / 8), 10);
  });

  it('weighs a wrong cardinality by the cardinality part alone', () => {
    const { score, parts, reasons } = edited('||--o{', '||--|{');
    expect(score).toBeCloseTo(80, 10);
    expect(parts).toEqual({ syntax: 1, entities: 1, attributes: 1, endpoints: 1, cardinalities: 0 });
    expect(reasons).toEqual(['missing relation user ||--o{ order', 'unexpected relation user ||--|{ order']);
  });

  it('takes both relation parts for a swapped relation', () => {
    expect(edited('user ||--o{ order', 'order ||--o{ user').score).toBeCloseTo(60, 10);
  });

  it('takes three shares of syntax for each line that is no diagram', () => {
    expect(edited('\nuser ||', '\nhello\nuser ||').parts['syntax']).toBeCloseTo(1 - 3 / 10, 10);
  });

  it('does not mind labels and indentation', () => {
    expect(edited(': places', ': has').score).toBe(100);
    expect(validateArtifact('erd', ERD, ERD_ANSWER.replaceAll('\n', '\n    ')).score).toBe(100);
  });

  it('renormalises a request without relations, but not for an answer that invents one', () => {
    const answer = 'erDiagram\nuser {\nint id PK\nstring name\n}';
    expect(validateArtifact('erd', 'a user has name.', answer.replace('string name', 'int name')).score).toBeCloseTo(
      (100 * (10 + 20 + 30 * 0.5)) / 60,
      10,
    );
    expect(validateArtifact('erd', 'a user has name.', `${answer}\nuser ||--o{ user : has`).score).toBeCloseTo(60, 10);
  });
});

describe('validateArtifact architecture', () => {
  const text = 'web app calls api. api calls mail. mail works in background.';
  const judge = (...edges: string[]) => validateArtifact('architecture', text, ['flowchart', ...edges].join('\n'));

  it('follows the formula: 10 syntax, 25 nodes, 30 edges, 25 rules, 10 nothing extra', () => {
    const { score, parts } = judge('web --> api', 'api --> mail_queue');
    expect(parts).toEqual({ syntax: 1, nodes: 6 / 7, edges: 4 / 5, rules: 3.5 / 4, nothingExtra: 1 });
    expect(score).toBeCloseTo(10 + (25 * 6) / 7 + 24 + 25 * 0.875 + 10, 10);
  });

  it('breaks the queue rule by a direct call', () => {
    const { parts, reasons } = judge('web --> api', 'api --> mail_queue', 'mail_queue --> mail', 'api --> mail');
    expect(parts['rules']).toBe(3 / 4);
    expect(parts['nothingExtra']).toBe(3 / 4);
    expect(reasons[0]).toBe('rule queue is not met at api --> mail_queue');
  });

  it('wants no cycle, no client at a database, and every node reachable', () => {
    const all = ['web --> api', 'api --> mail_queue', 'mail_queue --> mail'];
    expect(judge(...all, 'mail --> api').reasons).toContain('rule acyclic is not met');
    expect(judge(...all, 'web --> mail_db').reasons).toContain('rule no client at a database is not met');
    expect(judge(...all, 'chat --> api').reasons).toContain('rule reachable is not met');
    expect(judge().score).toBe(10);
  });
});

describe('validateArtifact code_prototype', () => {
  const text = 'keep positive then sum.';

  it('accepts any program that passes the 20 hidden tests', () => {
    expect(HIDDEN_INPUTS).toHaveLength(20);
    expect(HIDDEN_INPUTS[0]).toEqual([]);
    expect(HIDDEN_INPUTS.some((input) => new Set(input).size < input.length)).toBe(true);
    expect(HIDDEN_INPUTS.some((input) => input.some((value) => value < 0))).toBe(true);
    expect(validateArtifact('code_prototype', text, 'return xs.reduce((a, b) => b > 0 ? a + b : a, 0);').score).toBe(
      100,
    );
  });

  it('gives 10 for syntax, 10 for types and 80 × the tests passed', () => {
    expect(validateArtifact('code_prototype', text, 'return xs.filter(').score).toBe(0);
    expect(validateArtifact('code_prototype', text, 'return xs.sum()').score).toBe(0);
    expect(validateArtifact('code_prototype', text, 'return xs + 1').score).toBe(10);
    const { score, parts, reasons } = validateArtifact('code_prototype', text, 'return 0');
    expect(parts['parse']).toBe(1);
    expect(score).toBeCloseTo(20 + 80 * parts['tests']!, 10);
    expect(parts['tests']).toBe(3 / 20);
    expect(reasons[0]).toBe('for [5] it gives 0, not 5');
  });

  it('compares values: NaN equals NaN, −0 equals 0, lists by their items', () => {
    expect(sameValue([NaN, -0], [NaN, 0])).toBe(true);
    expect(sameValue([1], [1, 2])).toBe(false);
    expect(sameValue(1, [1])).toBe(false);
  });
});

describe('validateArtifact', () => {
  it('refuses a specification outside the language and an over-long answer', () => {
    expect(validateArtifact('erd', 'draw me a sheep', ERD_ANSWER)).toEqual({
      score: 0,
      reasons: ['the specification is not in the closed language of erd'],
      parts: {},
    });
    expect(validateArtifact('erd', ERD, 'x'.repeat(1_000_000)).reasons[0]).toMatch('1000000 characters');
  });
});
