import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { RatchetError } from '../config/errors.js';

export interface Migration {
  version: number;
  name: string;
  sql: string;
  sha256: string;
}

/** Folder of the numbered SQL files, beside this module in the source as in the build. */
export const MIGRATIONS = fileURLToPath(new URL('migrations', import.meta.url));

/** Reads `NNN-name.sql` files in order. Throws E_INTERNAL when a number is missing, doubled or a name is malformed. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const match = /^(\d{3})-([a-z0-9-]+)\.sql$/.exec(file);
      if (match === null || Number(match[1]) !== index + 1)
        throw new RatchetError(
          'E_INTERNAL',
          `migration ${file} should be numbered ${String(index + 1).padStart(3, '0')}`,
          {
            hint: 'Name migrations NNN-name.sql, counting from 001 without gaps.',
          },
        );
      const sql = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
      return { version: index + 1, name: match[2] ?? '', sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Brings a database to the newest version, each migration and its row of `schema_version` in one transaction:
 * a process killed in between leaves the version before or the version after, never a mixture.
 * Throws E_STORE when the database was written by a newer version or an applied migration has changed since.
 */
export async function migrate(connection: DuckDBConnection, migrations: Migration[], path: string): Promise<number> {
  const applied = await appliedVersions(connection);
  const newest = applied.at(-1)?.version ?? 0;
  if (newest > migrations.length)
    throw new RatchetError('E_STORE', `${path} has version ${newest}, this program knows ${migrations.length}`, {
      hint: 'Update Ratchet: the database was written by a newer version.',
      retryable: false,
    });
  for (const { version, sha256 } of applied)
    if (migrations[version - 1]?.sha256 !== sha256)
      throw new RatchetError('E_STORE', `migration ${version} of ${path} is not the one this program has`, {
        hint: 'An applied migration must never change: restore its file and add a new one.',
        retryable: false,
      });
  for (const migration of migrations.slice(newest)) {
    await connection.run('BEGIN TRANSACTION');
    try {
      await connection.run(CREATE_VERSIONS);
      await connection.run(migration.sql);
      const { version, name, sha256 } = migration;
      await connection.run('INSERT INTO schema_version (version, name, sha256) VALUES ($1, $2, $3)', [
        version,
        name,
        sha256,
      ]);
      await connection.run('COMMIT');
    } catch (error) {
      await connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
  return migrations.length - newest;
}

const CREATE_VERSIONS = `CREATE TABLE IF NOT EXISTS schema_version (
  version INTEGER PRIMARY KEY,
  name VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL,
  applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
)`;

async function appliedVersions(connection: DuckDBConnection): Promise<{ version: number; sha256: string }[]> {
  const table = await connection.runAndReadAll(
    "SELECT 1 FROM duckdb_tables() WHERE table_name = 'schema_version' AND NOT temporary",
  );
  if (table.currentRowCount === 0) return [];
  const rows = await connection.runAndReadAll('SELECT version, sha256 FROM schema_version ORDER BY version');
  return rows.getRowObjectsJS() as { version: number; sha256: string }[];
}
