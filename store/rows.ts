import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  DuckDBDataChunk,
  INTEGER,
  VARCHAR,
  type DuckDBConnection,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { RatchetError } from '../config/errors.js';
import { canonicalJson } from '../config/hash.js';

/** A column of a table as DuckDB reports it. */
export interface Column {
  name: string;
  type: string;
}

export type Columns = Map<string, Column[]>;
export type Fields = Record<string, unknown>;

const TYPES: Record<string, DuckDBType> = {
  VARCHAR,
  JSON: VARCHAR,
  DOUBLE,
  INTEGER,
  BIGINT,
  BOOLEAN,
};

/** Rows of one vector of DuckDB. */
const CHUNK = 2048;

/** The columns of every table; those DuckDB fills itself (`…_at`) are left out. */
export async function readColumns(connection: DuckDBConnection): Promise<Columns> {
  const result = await connection.runAndReadAll(
    'SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE table_oid IN (SELECT table_oid FROM duckdb_tables() WHERE NOT internal AND NOT temporary AND database_name = current_database()) AND database_name = current_database() ORDER BY table_name, column_index',
  );
  const columns: Columns = new Map();
  for (const [table, name, type] of result.getRowsJS() as [string, string, string][])
    if (!name.endsWith('_at')) columns.set(table, [...(columns.get(table) ?? []), { name, type }]);
  return columns;
}

/** Creates the temporary tables through which {@link insertRows} passes its rows; a transaction that is undone empties them again. */
export async function createStaging(connection: DuckDBConnection, columns: Columns): Promise<void> {
  const statements = [...columns].map(
    ([table, list]) =>
      `CREATE TEMP TABLE ${stagingTable(table)} AS SELECT ${columnNames(list)} FROM main.${table} LIMIT 0;`,
  );
  if (statements.length > 0) await connection.run(statements.join('\n'));
}

function stagingTable(table: string): string {
  return `staging_${table}`;
}

function columnNames(columns: readonly Column[]): string {
  return columns.map((column) => `"${column.name}"`).join(', ');
}

/** What happens to a row whose key is already stored. */
export interface Conflict {
  /** Columns of the primary key. */
  key: string[];
  /** Columns that take the new value unless it is null; nothing is changed when empty. */
  update?: string[];
  /** SQL condition on the stored row (by table name) for an update. */
  where?: string;
}

/**
 * Inserts rows (camelCase or snake_case fields; missing ones become NULL; objects go to JSON columns as canonical JSON) in one statement.
 * Returns the number of rows inserted or updated.
 */
export async function insertRows(
  connection: DuckDBConnection,
  columns: Columns,
  table: string,
  rows: readonly object[],
  conflict: Conflict,
): Promise<number> {
  if (rows.length === 0) return 0;
  const known = columns.get(table);
  if (known === undefined) throw new RatchetError('E_INTERNAL', `no table ${table}`);
  const names = columnNames(known);
  const staging = stagingTable(table);
  const appender = await connection.createAppender(staging, 'main', 'temp');
  try {
    const types = known.map((column) => TYPES[column.type] ?? VARCHAR);
    const aliases = known.map((column) => camelCase(column.name));
    for (let start = 0; start < rows.length; start += CHUNK) {
      const part = rows.slice(start, start + CHUNK) as Fields[];
      const chunk = DuckDBDataChunk.create(types, part.length);
      known.forEach((column, index) => {
        const [name, alias] = [column.name, aliases[index]!];
        chunk.setColumnValues(
          index,
          part.map((row) => cell(row[name] ?? row[alias], column, table)),
        );
      });
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
  const result = await connection.run(
    `INSERT INTO main.${table} (${names}) SELECT ${names} FROM temp.${staging} ON CONFLICT (${conflict.key.join(', ')}) ${action(table, conflict)}`,
  );
  await connection.run(`DELETE FROM temp.${staging}`);
  return result.rowsChanged;
}

function action(table: string, { update = [], where }: Conflict): string {
  if (update.length === 0) return 'DO NOTHING';
  const set = update.map((column) => `"${column}" = coalesce(excluded."${column}", ${table}."${column}")`).join(', ');
  return `DO UPDATE SET ${set}${where === undefined ? '' : ` WHERE ${where}`}`;
}

/** A stored row as the plain object the rest of the program uses: camelCase, JSON parsed, NULL members absent. */
export function fromRow<T>(row: Fields, columns: readonly Column[]): T {
  const json = new Set(columns.filter((column) => column.type === 'JSON').map((column) => column.name));
  const members = Object.entries(row).filter(([, value]) => value !== null);
  return Object.fromEntries(
    members.map(([name, value]) => [
      camelCase(name),
      json.has(name) ? (JSON.parse(value as string) as unknown) : value,
    ]),
  ) as T;
}

function cell(value: unknown, column: Column, table: string): DuckDBValue {
  if (value === undefined || value === null) return null;
  if (column.type === 'JSON') return canonicalJson(value);
  const fits =
    column.type === 'VARCHAR'
      ? typeof value === 'string'
      : column.type === 'BOOLEAN'
        ? typeof value === 'boolean'
        : column.type === 'DOUBLE'
          ? typeof value === 'number'
          : Number.isSafeInteger(value);
  if (!fits)
    throw new RatchetError('E_DATA_INVALID', `${table}.${column.name} takes ${column.type}, got ${String(value)}`, {
      hint: 'Validate rows before they are recorded; nothing of this write was stored.',
    });
  if (column.type === 'BIGINT') return BigInt(value as number);
  return value as DuckDBValue;
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
