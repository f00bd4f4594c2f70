import { extname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { RatchetError } from '../config/errors.js';

/**
 * Streams the rows of a Parquet, CSV or TSV file through DuckDB: lists and structs as arrays and objects, 64-bit integers as
 * numbers where exact and as text elsewhere. All columns of a CSV file are read as text; it must be UTF-8 with a line of names.
 * Runs in a database of its own in memory, without the right to load extensions.
 *
 * @throws RatchetError `E_DATA_INVALID` for a file that DuckDB cannot read, with DuckDB's reason (which names the line)
 */
export async function* readTable(path: string): AsyncIterable<Record<string, unknown>> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: '512MB',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  try {
    const connection = await instance.connect();
    const source =
      extname(path).toLowerCase() === '.parquet'
        ? 'read_parquet($1)'
        : 'read_csv($1, all_varchar = true, header = true, strict_mode = true)';
    const result = await connection.stream(`SELECT * FROM ${source}`, [path]);
    for await (const rows of result.yieldRowObjectJs()) {
      for (const row of rows) yield plainRow(row as Record<string, unknown>);
    }
  } catch (cause) {
    throw new RatchetError('E_DATA_INVALID', `${path} cannot be read as a table: ${(cause as Error).message}`, {
      hint: 'Check that the file is complete and of the kind that its name says.',
      cause,
    });
  } finally {
    instance.closeSync();
  }
}

const plainRow = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return plainRow(value as Record<string, unknown>);
  }
  return value;
}
