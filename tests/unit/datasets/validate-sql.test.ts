import { describe, expect, it } from 'vitest';
import { parseSelect } from '../../../datasets/sql/parse-select.js';
import { runSelect } from '../../../datasets/sql/run-select.js';
import { SqlError, type SqlTable } from '../../../datasets/sql/syntax.js';
import { sqlFamily, sqlQuery } from '../../../datasets/tasks/sql-query.js';
import { validateArtifact } from '../../../datasets/tasks/validators/validate-artifact.js';
import { hiddenTables, sameResult } from '../../../datasets/tasks/validators/validate-sql.js';

const TABLE: SqlTable = {
  name: 'store',
  columns: [
    { name: 'city', type: 'text' },
    { name: 'price', type: 'number' },
    { name: 'stock', type: 'number' },
  ],
  rows: [
    ['a', 3, null],
    ['b', null, 2],
    ['a', 4, -5],
    [null, 3, 7],
  ],
};
const run = (sql: string) => runSelect(parseSelect(sql, TABLE), TABLE).rows;

describe('runSelect', () => {
  it('leaves open what is compared with a missing value', () => {
    expect(run('SELECT city FROM store WHERE price > 2 AND NOT stock > 0')).toEqual([['a']]);
    expect(run('SELECT city FROM store WHERE price = NULL OR price < 4')).toEqual([['a'], [null]]);
    expect(run('SELECT price FROM store WHERE stock IS NULL')).toEqual([[3]]);
  });

  it('leaves missing values out of aggregates; of nothing they are missing, and the count is 0', () => {
    expect(run('SELECT COUNT(*), COUNT(price), SUM(price), AVG(price), MIN(city) FROM store')).toEqual([
      [4, 3, 10, 10 / 3, 'a'],
    ]);
    expect(run('SELECT COUNT(*), SUM(price), MAX(city) FROM store WHERE price > 100')).toEqual([[0, null, null]]);
    expect(run('SELECT city, SUM(price) FROM store WHERE price > 100 GROUP BY city')).toEqual([]);
  });

  it('sorts missing values last in either direction', () => {
    expect(run('SELECT stock FROM store ORDER BY stock')).toEqual([[-5], [2], [7], [null]]);
    expect(run('SELECT stock FROM store ORDER BY stock DESC')).toEqual([[7], [2], [-5], [null]]);
    expect(run('select distinct price from store order by 1 desc limit 1 offset 1;')).toEqual([[3]]);
  });

  it('reads names in quotes, with their table, and other names of items', () => {
    const sql = 'SELECT store.city, SUM("price") AS all_of_it FROM store GROUP BY city ORDER BY all_of_it DESC';
    expect(run(sql)).toEqual([
      ['a', 7],
      [null, 3],
      ['b', null],
    ]);
  });
});

describe('parseSelect', () => {
  it.each([
    'DELETE FROM store',
    'SELECT * FROM store; DROP TABLE store',
    'SELECT city FROM store -- all',
    'SELECT city FROM store WHERE price > (SELECT 1)',
    'SELECT city FROM store, store',
    'SELECT SUM(SUM(price)) FROM store',
    'SELECT city AS price FROM store',
    'SELECT DISTINCT city FROM store ORDER BY price',
    'SELECT city FROM store WHERE price',
    'SELECT city FROM store LIMIT -1',
    'SELECT city FROM store WHERE price > 1.5',
    `SELECT city FROM store WHERE ${'('.repeat(5000)}price > 1`,
    `SELECT city FROM store WHERE ${'('.repeat(50)}price > 1${')'.repeat(50)}`,
    `SELECT city FROM store WHERE ${'NOT '.repeat(50)}price > 1`,
  ])('refuses %.60s', (sql) => {
    expect(() => parseSelect(sql, TABLE)).toThrow(SqlError);
  });
});

describe('validateArtifact sql_query', () => {
  const text = 'a table store has city, price, stock. show city, price. only where stock is above 3.';
  const judge = (sql: string, specification = text) => validateArtifact('sql_query', specification, sql);

  it('gives 20 for a query over the table and 80 for the hidden tests passed', () => {
    expect(judge('SELECT city, price FROM store WHERE stock > 3').score).toBe(100);
    expect(judge('select city, price from store where 3 < stock;').score).toBe(100);
    expect(judge('SELECT city, price FROM items WHERE stock > 3')).toEqual({
      score: 0,
      parts: { query: 0, tests: 0 },
      reasons: ['binding: there is no table items'],
    });
    expect(judge('SELECT * FROM items').score).toBe(0);
    expect(judge('SELECT city price FROM store').reasons).toEqual(['syntax: unexpected price']);
    const { score, parts, reasons } = judge('SELECT price, city FROM store WHERE stock > 3');
    expect(score).toBeCloseTo(20 + 80 * parts['tests']!, 10);
    expect(parts['tests']).toBeLessThan(0.5);
    expect(reasons).toHaveLength(3);
  });

  it('minds the order of rows only where one is asked for, and not that of equal keys', () => {
    expect(judge('SELECT city, price FROM store WHERE stock > 3 ORDER BY price DESC').score).toBe(100);
    const sorted = `${text} sort by price ascending.`;
    expect(judge('SELECT city, price FROM store WHERE stock > 3 ORDER BY price', sorted).score).toBe(100);
    expect(judge('SELECT city, price FROM store WHERE stock > 3 ORDER BY price, city DESC', sorted).score).toBe(100);
    expect(judge('SELECT city, price FROM store WHERE stock > 3', sorted).score).toBeLessThan(70);
    const wanted = { rows: [[1], [2], [3]], keys: [[0], [0], [1]] };
    expect(sameResult([[2], [1], [3]], wanted)).toBe(true);
    expect(sameResult([[1], [3], [2]], wanted)).toBe(false);
    expect(sameResult([[1], [2]], wanted)).toBe(false);
  });

  it('draws the hidden tables from the request alone, with empty ones, missing, repeated and negative values', () => {
    const query = sqlQuery(sqlFamily.parse(text)!)!;
    const tables = hiddenTables(query);
    expect(tables).toHaveLength(20);
    expect(tables[0]!.rows).toEqual([]);
    expect(tables[2]!.rows[0]).toEqual(tables[2]!.rows[1]);
    const values = tables.flatMap(({ rows }) => rows.flat());
    expect(values.filter((value) => value === null).length / values.length).toBeCloseTo(0.12, 1);
    expect(values.some((value) => typeof value === 'number' && value < 0)).toBe(true);
    const cut = sqlQuery(sqlFamily.parse(`${text} sort by price ascending. only first 3 rows.`)!)!;
    for (const { rows } of hiddenTables(cut)) expect(new Set(rows.map((row) => row[1])).size).toBe(rows.length);
  });
});
