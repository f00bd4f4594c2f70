import { DuckDBInstance, type DuckDBConnection, type DuckDBValue } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stream, type Stream } from '../../config/random.js';
import { parseSelect } from '../../datasets/sql/parse-select.js';
import { runSelect } from '../../datasets/sql/run-select.js';
import { SqlError, type SqlTable, type SqlValue } from '../../datasets/sql/syntax.js';
import { corruptArtifact } from '../../datasets/tasks/corrupt.js';
import { sqlFamily, sqlQuery } from '../../datasets/tasks/sql-query.js';
import { generateTasks } from '../../datasets/tasks/task.js';
import { hiddenTables, sameResult } from '../../datasets/tasks/validators/validate-sql.js';

const TASKS = 300;
const FREE = 500;
let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { enable_external_access: 'false', threads: '1' });
  connection = await instance.connect();
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

/** Makes the table anew, in the order of its rows. */
async function load({ name, columns, rows }: SqlTable): Promise<void> {
  const types = { number: 'INTEGER', text: 'VARCHAR' };
  await connection.run(
    `CREATE OR REPLACE TABLE ${name} (${columns.map((column) => `${column.name} ${types[column.type]}`).join(', ')})`,
  );
  const literal = (value: SqlValue) => (typeof value === 'string' ? `'${value}'` : String(value ?? 'NULL'));
  const values = rows.map((row) => `(${row.map(literal).join(', ')})`);
  if (values.length > 0) await connection.run(`INSERT INTO ${name} VALUES ${values.join(', ')}`);
}

/** DuckDB's result with counts and sums as numbers. */
async function ask(sql: string): Promise<SqlValue[][]> {
  const rows: DuckDBValue[][] = (await connection.runAndReadAll(sql)).getRows();
  return rows.map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value) as SqlValue));
}

/** A query of the subset whose result is determined: its order is by every shown value where rows are cut off. */
function randomQuery(source: Stream, { name, columns }: SqlTable): string {
  const chance = (share: number) => source.float() < share;
  const names = columns.map((column) => column.name);
  const numeric = columns.filter(({ type }) => type === 'number').map((column) => column.name);
  const cased = (word: string) => (chance(0.2) ? word.toLowerCase() : word);
  const aggregate = () => {
    const kind = source.pick(['COUNT', 'SUM', 'AVG', 'MIN', 'MAX']);
    if (kind === 'COUNT' && chance(0.5)) return `${cased('COUNT')}(*)`;
    const column = source.pick(kind === 'SUM' || kind === 'AVG' ? numeric : names);
    return `${cased(kind)}(${chance(0.2) ? 'DISTINCT ' : ''}${column})`;
  };
  const number = () => String(source.integer(16) - 4);
  const sign = () => source.pick(['=', '<>', '!=', '<', '<=', '>', '>=']);
  const condition = (operand: () => string, depth: number): string => {
    const kind = source.integer(depth > 2 ? 3 : 6);
    if (kind === 0) return `${operand()} IS ${chance(0.5) ? 'NOT ' : ''}NULL`;
    if (kind === 1) return `${chance(0.5) ? number() : operand()} ${sign()} ${chance(0.1) ? 'NULL' : operand()}`;
    if (kind === 2) return `${operand()} ${sign()} ${number()}`;
    if (kind === 3) return `NOT ${condition(operand, depth + 1)}`;
    const [left, right] = [condition(operand, depth + 1), condition(operand, depth + 1)];
    return kind === 4 ? `${left} ${cased('AND')} ${right}` : `(${left} OR ${right})`;
  };
  const where = chance(0.6) ? ` WHERE ${condition(() => source.pick(numeric), 0)}` : '';
  const groups = chance(0.3) ? source.shuffle(names).slice(0, 1 + source.integer(2)) : [];
  const grouped = groups.length > 0 || chance(0.2);
  const items = grouped ? [...groups, aggregate(), ...(chance(0.3) ? [aggregate()] : [])] : source.shuffle(names).slice(0, 1 + source.integer(names.length)); // prettier-ignore
  const counts = () => source.pick(['COUNT(*)', `SUM(${source.pick(numeric)})`, `AVG(${source.pick(numeric)})`]);
  const having = grouped && chance(0.4) ? ` HAVING ${condition(counts, 1)}` : '';
  const direction = () => source.pick(['', ' ASC', ' DESC', ' DESC NULLS FIRST', ' NULLS FIRST', ' DESC NULLS LAST']);
  const sorted = chance(0.6);
  const keys = source.shuffle(items.map((item, index) => (chance(0.2) ? String(index + 1) : item)));
  const order = sorted ? ` ORDER BY ${keys.map((key) => key + direction()).join(', ')}` : '';
  const limit = sorted && chance(0.5) ? ` LIMIT ${source.integer(6)}` : '';
  const offset = sorted && chance(0.3) ? ` OFFSET ${source.integer(4)}` : '';
  const shown = !grouped && !sorted && chance(0.2) ? '*' : items.join(', ');
  return `${cased('SELECT')} ${chance(0.2) ? 'DISTINCT ' : ''}${shown} FROM ${name}${where}${groups.length > 0 ? ` GROUP BY ${groups.join(', ')}` : ''}${having}${order}${chance(0.5) ? limit + offset : offset + limit}`;
}

describe('queries mean here what they mean to DuckDB', () => {
  const tasks = generateTasks({
    seed: 41,
    purpose: 'duckdb',
    count: TASKS,
    distribution: 'target',
    artifactType: 'sql_query',
  });

  it(`in ${TASKS} canonical queries and ${TASKS} corrupted ones, on several hidden tables each`, async () => {
    const source = stream(41, 'duckdb', 'corrupt');
    for (const { specification, reference } of tasks) {
      const query = sqlQuery(sqlFamily.parse(specification)!)!;
      const corrupted = corruptArtifact('sql_query', specification, source, 1 + source.integer(2));
      const tables = hiddenTables(query);
      for (const index of [0, 2, 3, 4]) {
        const table = tables[index]!;
        await load(table);
        const wanted = runSelect(parseSelect(reference, table), table);
        expect([reference, sameResult(await ask(reference), wanted)]).toEqual([reference, true]);
        const select = parseSelect(corrupted, table);
        // Which rows are the first of equal ones, or of unsorted ones, is open.
        const open = select.limit !== null || select.offset > 0;
        if (open && (select.orderBy.length === 0 || reference.split(' ORDER BY ')[1] !== corrupted.split(' ORDER BY ')[1])) continue; // prettier-ignore
        const found = runSelect(select, table);
        expect([corrupted, sameResult(await ask(corrupted), found)]).toEqual([corrupted, true]);
      }
    }
  });

  it(`in ${FREE} queries of the whole subset: conditions with OR and NOT, groups, positions, missing values first`, async () => {
    const source = stream(41, 'duckdb', 'free');
    const tables = tasks.flatMap(({ specification }) =>
      hiddenTables(sqlQuery(sqlFamily.parse(specification)!)!).slice(0, 8),
    );
    let refused = 0;
    for (let index = 0; index < FREE; index++) {
      const table = source.pick(tables);
      const sql = randomQuery(source, table);
      let found: ReturnType<typeof runSelect>;
      try {
        found = runSelect(parseSelect(sql, table), table);
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
        refused++;
        continue;
      }
      await load(table);
      expect([sql, sameResult(await ask(sql), found)]).toEqual([sql, true]);
    }
    expect(refused).toBeLessThan(FREE / 20);
  });

  it('and what is refused for its meaning DuckDB refuses, too', async () => {
    const table: SqlTable = {
      name: 'store',
      columns: [
        { name: 'city', type: 'text' },
        { name: 'price', type: 'number' },
        { name: 'stock', type: 'number' },
      ],
      rows: [['a', 1, 2]],
    };
    await load(table);
    for (const sql of [
      'SELECT city, price FROM store GROUP BY city',
      'SELECT city FROM store HAVING COUNT(*) > 1',
      'SELECT city FROM store WHERE SUM(price) > 1',
      'SELECT city FROM store ORDER BY SUM(price)',
      'SELECT SUM(city) FROM store',
      'SELECT city FROM store WHERE city > 3',
      'SELECT city FROM store ORDER BY 2',
      'SELECT color FROM store',
      'SELECT city FROM shop',
      'SELECT city, FROM',
      'SELECT city FROM store WHERE price >',
      'SELECT city FROM store LIMIT 1 LIMIT 2',
      "SELECT * FROM read_csv('/etc/passwd')",
    ]) {
      expect(() => parseSelect(sql, table)).toThrow(SqlError);
      await expect(ask(sql)).rejects.toThrow(/Error: /);
    }
  });
});
