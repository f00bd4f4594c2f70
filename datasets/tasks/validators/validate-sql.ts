import { stream, type Stream } from '../../../config/random.js';
import { parseSelect } from '../../sql/parse-select.js';
import { runSelect, type SelectResult } from '../../sql/run-select.js';
import { SqlError, type SqlTable, type SqlValue } from '../../sql/syntax.js';
import type { Statement } from '../grammar.js';
import { COLUMN_TYPES, renderSql, sqlQuery, tableOf, type SqlQuery } from '../sql-query.js';
import type { Validation } from './parts.js';

const TABLES_KEPT = 1_000;
const known = new Map<string, readonly SqlTable[]>();

/**
 * Scores a query (requirements §3): 20 for a SELECT of the allowed subset over the table of the request, 80 × the share
 * of the hidden tables on which its result is that of the canonical query. The order of rows counts where one is asked
 * for, that of rows with equal keys never. Nothing is executed but what the parser knows.
 */
export function validateSql(statements: readonly Statement[], output: string): Validation {
  const query = sqlQuery(statements)!;
  const parts = { query: 0, tests: 0 };
  const reasons: string[] = [];
  try {
    const table = tableOf(query);
    const candidate = parseSelect(output, table);
    const canonical = parseSelect(renderSql(query), table);
    parts.query = 1;
    const tables = hiddenTables(query);
    let passed = 0;
    for (const rows of tables) {
      const wanted = runSelect(canonical, rows);
      const found = runSelect(candidate, rows);
      if (sameResult(found.rows, wanted)) passed++;
      else if (reasons.length < 3) {
        reasons.push(`for ${rows.rows.length} rows it gives ${show(found.rows)}, not ${show(wanted.rows)}`);
      }
    }
    parts.tests = passed / tables.length;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    reasons.push(`${error.kind}: ${error.message}`);
  }
  return { score: parts.tests === 1 ? 100 : 20 * parts.query + 80 * parts.tests, reasons, parts };
}

/** Whether rows are the wanted ones: run by run of equal sort keys in any order; without ORDER BY all are one run. */
export function sameResult(rows: readonly (readonly SqlValue[])[], wanted: SelectResult): boolean {
  if (rows.length !== wanted.rows.length) return false;
  const texts = (some: readonly (readonly SqlValue[])[]) =>
    JSON.stringify(some.map((row) => JSON.stringify(row)).sort());
  const keys = wanted.keys.map((key) => JSON.stringify(key));
  for (let start = 0; start < rows.length;) {
    let end = start + 1;
    while (end < rows.length && keys[end] === keys[start]) end++;
    if (texts(rows.slice(start, end)) !== texts(wanted.rows.slice(start, end))) return false;
    start = end;
  }
  return true;
}

/**
 * The 20 hidden tables of a request: empty, one row, two equal rows, and 17 of 4–17 rows (and as many more as are to be
 * skipped or taken) with repeated, negative and missing values, about half of them within each filter. Where only some
 * of the sorted rows are asked for, no two share a key, so that the result is determined. Drawn once for each query.
 */
export function hiddenTables(query: SqlQuery): readonly SqlTable[] {
  const key = `${query.columns.join()} ${renderSql(query)}`;
  const earlier = known.get(key);
  if (earlier !== undefined) return earlier;
  const source = stream(7, 'hidden tables', key);
  const sizes = [0, 1, 2, ...Array.from({ length: 17 }, () => 4 + source.integer(14) + bounded(query))];
  const tables = sizes.map((size, index): SqlTable => {
    const drawn = query.columns.map((column) => drawColumn(query, column, size, source));
    const rows = Array.from({ length: size }, (_, row) => drawn.map((values) => values[row]!));
    if (index === 2 && uniqueColumn(query) === null) rows[1] = rows[0]!;
    return { ...tableOf(query), rows };
  });
  if (known.size === TABLES_KEPT) known.clear();
  known.set(key, tables);
  return tables;
}

/** The column whose values decide which rows are the first; groups and single values differ by themselves. */
function uniqueColumn({ sort, limit, offset, distinct, group }: SqlQuery): string | null {
  const cut = limit !== null || offset !== null;
  return cut && !distinct && group === null ? sort!.column : null;
}

/** Rows that are skipped or taken, as far as a small table can have them. */
function bounded({ limit, offset }: SqlQuery): number {
  return Math.min(14, Number(limit ?? 0) + Number(offset ?? 0));
}

/** Values in their order: a … z, za … zn, and −9 … 30. */
const TEXTS = Array.from({ length: 40 }, (_, index) =>
  index < 26 ? String.fromCodePoint(97 + index) : `z${String.fromCodePoint(71 + index)}`,
);
const NUMBERS = Array.from({ length: 40 }, (_, index) => index - 9);
const MISSING_RATE = 0.12;

function drawColumn(query: SqlQuery, column: string, size: number, source: Stream): SqlValue[] {
  const all: readonly SqlValue[] = COLUMN_TYPES[column] === 'text' ? TEXTS : NUMBERS;
  if (column === uniqueColumn(query)) {
    const values = source.shuffle(all).slice(0, size);
    // One missing value is a key like the others.
    if (size > 0 && source.float() < 0.5) values[source.integer(size)] = null;
    return values;
  }
  const filters = query.filters.filter((filter) => filter.column === column);
  const few = Array.from({ length: 2 + source.integer(3) + bounded(query) }, () => source.pick(all));
  const repeats = COLUMN_TYPES[column] === 'text' || column === query.group || query.distinct;
  return Array.from({ length: size }, () => {
    if (source.float() < MISSING_RATE) return null;
    if (filters.length > 0 && source.float() < 0.7) return nearFilter(source.pick(filters), source);
    return source.pick(repeats || source.float() < 0.3 ? few : all);
  });
}

/** A value at a filter's bound or within it. */
function nearFilter({ kind, k }: SqlQuery['filters'][number], source: Stream): number | null {
  if (kind === 'missing') return null;
  const away = source.integer(6);
  return Number(k) + (kind === 'greater' ? away : kind === 'less' ? -away : 0);
}

function show(rows: readonly (readonly SqlValue[])[]): string {
  return JSON.stringify(rows).slice(0, 60);
}
