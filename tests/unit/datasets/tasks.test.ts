import { describe, expect, it } from 'vitest';
import { ARTIFACT_TYPES, BASE_TYPES, type ArtifactType } from '../../../config/domain.js';
import { stream } from '../../../config/random.js';
import { estimateDifficulty } from '../../../datasets/tasks/difficulty.js';
import { referenceFor } from '../../../datasets/tasks/families.js';
import { formatPrompt, preTokenize } from '../../../datasets/tasks/prompt.js';
import { generateTask, generateTasks, splitOf, taskId } from '../../../datasets/tasks/task.js';

const quantile = (values: number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(share * values.length)]!;
const share = <T>(items: T[], holds: (item: T) => boolean) => items.filter(holds).length / items.length;

describe('canonical artifacts', () => {
  it('derives junction, weak and self relations of a diagram from the text', () => {
    const text =
      'a student has name. a course has title. an event has due. many student joins many course. an event exists only inside a course. a student may report to another student.';
    expect(referenceFor('erd', text)).toMatchInlineSnapshot(`
      "erDiagram
      student {
      int id PK
      string name
      }
      course {
      int id PK
      string title
      }
      event {
      int id PK
      date due
      int course_id FK
      }
      student_course {
      int id PK
      int student_id FK
      int course_id FK
      }
      student ||--o{ student_course : joins
      course ||--o{ student_course : joins
      course ||--|{ event : contains
      student |o--o{ student : reports"
    `);
  });

  it('derives cache, queue, replica, balancer and firewall of a flowchart from the text', () => {
    const text =
      'web app calls api. api must stay up. open to internet. api calls search. search needs fast reads. search calls mail. mail works in background. api calls users. users data must survive loss.';
    expect(referenceFor('architecture', text)).toMatchInlineSnapshot(`
      "flowchart
      web --> waf
      waf --> lb
      lb --> api
      api --> search
      search --> search_cache
      search_cache --> search_db
      search --> mail_queue
      mail_queue --> mail
      api --> users
      users --> users_db
      users_db --> users_replica"
    `);
  });

  it('writes the TypeScript of a pipeline', () => {
    expect(referenceFor('code_prototype', 'keep even then double.')).toBe(
      'return xs.filter(x => x % 2 === 0).map(x => x * 2)',
    );
    expect(referenceFor('code_prototype', 'skip first 3 then remove duplicates then biggest or zero if empty.')).toBe(
      'return xs.slice(3).filter((x, i, s) => s.indexOf(x) === i).toSorted((a, b) => b - a).at(0) ?? 0',
    );
  });

  it('writes the SQL of a request', () => {
    const table = 'a table store has city, price, stock.';
    const sql = (text: string) => referenceFor('sql_query', `${table} ${text}`);
    expect(sql('show price, city. only where stock is above 3. sort by price descending. only first 5 rows.')).toBe(
      'SELECT price, city FROM store WHERE stock > 3 ORDER BY price DESC LIMIT 5',
    );
    expect(
      sql('show total of price. only where stock is missing. for each city. only groups of more than 2 rows.'),
    ).toBe('SELECT city, SUM(price) FROM store WHERE stock IS NULL GROUP BY city HAVING COUNT(*) > 2');
    expect(sql('show city. remove duplicates. sort by city ascending. skip first 2 rows. only first 3 rows.')).toBe(
      'SELECT DISTINCT city FROM store ORDER BY city LIMIT 3 OFFSET 2',
    );
    expect(sql('Tell how many  rows. keep stock less than 4. keep price equal to 2. keep it simple.')).toBe(
      'SELECT COUNT(*) FROM store WHERE stock < 4 AND price = 2',
    );
  });

  it('reads other wordings, articles, case and spacing as the same request', () => {
    const plain = 'an order has name, total. a user has email. each user places at most one order.';
    const other =
      'Every  order comes with name,total. A user has email. One user places zero or one order. Keep it simple.';
    expect(referenceFor('erd', other)).toBe(referenceFor('erd', plain));
  });

  it.each([
    ['erd', 'please make me a diagram'],
    ['erd', ''],
    ['architecture', 'api calls orders.'],
    ['code_prototype', 'sum then double.'],
    ['code_prototype', 'sum or zero if empty.'],
    ['sql_query', 'show price.'],
    ['sql_query', 'a table store has price. show city.'],
    ['sql_query', 'a table zebra has price. show price.'],
    ['sql_query', 'a table store has city. show total of city.'],
    ['sql_query', 'a table store has city, price. show price. for each city.'],
    ['sql_query', 'a table store has city, price. show price. only first 3 rows.'],
    [
      'sql_query',
      'a table store has city, price. show price. sort by price ascending. only first 3 rows. skip first 2 rows.',
    ],
    ['sql_query', 'a table store has city, price. show price. remove duplicates. sort by city ascending.'],
    ['sql_query', 'a table store has city, price. show number of rows. only groups of more than 2 rows.'],
  ] as const)('refuses a text outside the closed language: %s "%s"', (artifactType, text) => {
    expect(() => referenceFor(artifactType, text)).toThrow(expect.objectContaining({ code: 'E_DATA_INVALID' }));
  });
});

describe.each(ARTIFACT_TYPES)('target distribution of %s', (artifactType) => {
  const tasks = generateTasks({
    seed: 11,
    purpose: 'shape',
    count: 3000,
    distribution: 'target',
    artifactType,
    unique: false,
  });

  it('has about 35 % easy and 10 % hard requests', () => {
    expect(share(tasks, ({ difficulty }) => difficulty < 0.35)).toBeCloseTo(0.35, 1);
    expect(share(tasks, ({ difficulty }) => difficulty >= 0.65)).toBeGreaterThan(0.07);
    expect(share(tasks, ({ difficulty }) => difficulty >= 0.65)).toBeLessThan(0.13);
  });

  it('has 7–11 % edge cases', () => {
    const edge = share(tasks, (task) => task.edgeCase);
    expect(edge).toBeGreaterThan(0.07);
    expect(edge).toBeLessThan(0.11);
  });

  it("knows a request's difficulty from its text, within 0–1", () => {
    for (const task of tasks.slice(0, 200)) {
      expect(estimateDifficulty(artifactType, task.specification)).toBe(task.difficulty);
      expect(task.difficulty).toBeGreaterThan(0);
      expect(task.difficulty).toBeLessThanOrEqual(1);
    }
  });
});

describe('generateTasks', () => {
  it('draws the base types unless others are named, and then those alone', () => {
    const request = { seed: 3, purpose: 'types', count: 60, distribution: 'target' } as const;
    const types = (artifactTypes?: readonly ArtifactType[]) =>
      new Set(generateTasks({ ...request, ...(artifactTypes && { artifactTypes }) }).map((task) => task.artifactType));
    expect(types()).toEqual(new Set(BASE_TYPES));
    expect(types(['sql_query'])).toEqual(new Set(['sql_query']));
    expect(types(ARTIFACT_TYPES)).toEqual(new Set(ARTIFACT_TYPES));
    expect(generateTasks({ ...request, artifactTypes: BASE_TYPES })).toEqual(generateTasks(request));
  });

  it.each([
    ['base types', BASE_TYPES],
    ['sql_query', ['sql_query']],
  ] as const)(
    'keeps prompt and answer of %s short: median ≤ 62 pre-tokens, 95 %% ≤ 130, all ≤ 160',
    (_, artifactTypes) => {
      const tasks = generateTasks({ seed: 3, purpose: 'length', count: 3000, distribution: 'target', artifactTypes });
      const lengths = tasks.map(
        (task) => preTokenize(formatPrompt(task.artifactType, task.specification) + task.reference).length,
      );
      expect(quantile(lengths, 0.5)).toBeLessThanOrEqual(62);
      expect(quantile(lengths, 0.95)).toBeLessThanOrEqual(130);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(160);
    },
  );

  it('repeats itself for one seed and purpose', () => {
    const request = { seed: 3, purpose: 'again', count: 40, distribution: 'target' } as const;
    expect(generateTasks(request)).toEqual(generateTasks(request));
    expect(generateTasks({ ...request, purpose: 'other' })).not.toEqual(generateTasks(request));
  });

  it('draws no target task twice and none that is excluded', () => {
    const first = generateTasks({ seed: 3, purpose: 'a', count: 300, distribution: 'target' });
    const exclude = new Set(first.map((task) => task.id));
    expect(exclude.size).toBe(300);
    const second = generateTasks({ seed: 3, purpose: 'a', count: 300, distribution: 'target', exclude });
    expect(second.filter((task) => exclude.has(task.id))).toEqual([]);
  });

  it('keeps the splits disjoint by the hash of the request', () => {
    const test = generateTasks({ seed: 3, purpose: 'b', count: 200, distribution: 'target', split: 'test' });
    expect(test.every((task) => splitOf(task.id) === 'test')).toBe(true);
    const ids = Array.from({ length: 4000 }, (_, index) => taskId('erd', `text ${index}`));
    expect(share(ids, (id) => splitOf(id) === 'test')).toBeCloseTo(0.15, 1);
    expect(share(ids, (id) => splitOf(id) === 'pool')).toBeCloseTo(0.25, 1);
  });

  it('says so when there are not enough different tasks', () => {
    const request = {
      seed: 1,
      purpose: 'c',
      count: 5000,
      distribution: 'easy',
      artifactType: 'code_prototype',
      unique: true,
    } as const;
    expect(() => generateTasks(request)).toThrow(/only \d+ of 5000 different tasks exist/);
  });

  it('draws easy tasks from plain constructs and half the lexicon only', () => {
    const source = stream(9, 'easy');
    for (let index = 0; index < 500; index++) {
      const task = generateTask(source, { distribution: 'easy' });
      expect(task.edgeCase).toBe(false);
      expect(task.specification).not.toMatch(/coupon|email|chat|square|at least/);
    }
    for (let index = 0; index < 500; index++) {
      const task = generateTask(source, { artifactType: 'sql_query', distribution: 'easy' });
      expect(task.constructs.filter((name) => !['count', 'sum', 'greater', 'sortAscending'].includes(name))).toEqual(
        [],
      );
      expect(task.specification).not.toMatch(/coupon|email|year|fee/);
    }
  });
});
