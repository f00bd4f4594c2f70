import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DuckDBInstance, StatementType, type DuckDBConnection, type DuckDBValue } from '@duckdb/node-api';
import { isRatchetError, RatchetError } from '../config/errors.js';
import { MIGRATIONS, migrate, readMigrations } from './migrate.js';
import { createStaging, readColumns, type Column } from './rows.js';
import { isInvalidated, lockedError, storeError } from './store-error.js';

export interface OpenOptions {
  /** Opens an existing file without the right to write; fails while another process owns it. */
  readOnly?: boolean;
  /** DuckDB's buffer memory, `256MB` by default. */
  memoryLimit?: string;
  /** Threads of a query; 2 by default. */
  threads?: number;
  /** Folder of the migrations, for tests. */
  migrations?: string;
}

/** Runs tasks one after the other, in the order they arrive. */
class Queue {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/**
 * Bytes of a block of a new file. Each column of each table that is written to takes whole blocks of memory until the next
 * checkpoint: with DuckDB's own 256 KB that is 80 MB for a few rows a table.
 */
const BLOCK_SIZE = 16_384;

const MEMORY_LIMIT = '256MB';

interface Handles {
  instance: DuckDBInstance;
  writer: DuckDBConnection;
  reader: DuckDBConnection;
  /** For ad-hoc queries: a slow one must not hold up the loop's own reads. */
  visitor: DuckDBConnection;
  columns: Map<string, Column[]>;
}

/**
 * The databases this process has open. DuckDB's lock is per process: a second opener in the same process would corrupt the file.
 * The reference also keeps an open database from being collected, which would release the lock.
 */
const opened = new Map<string, Database | undefined>();

/** The one owner of a DuckDB file: writes in transactions one after the other, reads from committed snapshots. */
export class Database {
  readonly path: string;
  readonly #options: OpenOptions;
  #handles: Handles | undefined;
  #closed = false;
  readonly #writes = new Queue();
  readonly #reads = new Queue();
  readonly #visits = new Queue();
  /** Set inside a transaction: nested writes join it, one after the other. */
  readonly #scope = new AsyncLocalStorage<Queue>();

  private constructor(path: string, options: OpenOptions, handles: Handles) {
    this.path = path;
    this.#options = options;
    this.#handles = handles;
  }

  /** Opens (and, when writable, creates and migrates) the file. Throws E_LOCKED, E_DATA_FOLDER, E_DATA_INVALID, E_DISK_FULL, E_NOT_FOUND. */
  static async open(path: string, options: OpenOptions = {}): Promise<Database> {
    const real = await prepare(path, options);
    if (opened.has(real)) throw lockedError(real, { program: 'this one', pid: process.pid });
    opened.set(real, undefined);
    try {
      const database = new Database(real, options, await connect(real, options));
      opened.set(real, database);
      return database;
    } catch (error) {
      opened.delete(real);
      throw storeError(error, real);
    }
  }

  /** Runs `task` in one transaction, or joins the one it is called in. Any error undoes all of it. */
  write<T>(task: (connection: DuckDBConnection, columns: Map<string, Column[]>) => Promise<T>): Promise<T> {
    const outer = this.#scope.getStore();
    const nested = new Queue();
    if (outer !== undefined)
      return outer.run(() =>
        this.#scope.run(nested, async () => {
          const { writer, columns } = await this.#ready();
          return task(writer, columns);
        }),
      );
    return this.#writes.run(() =>
      this.#guard(async () => {
        const { writer, columns } = await this.#ready();
        if (this.#options.readOnly === true)
          throw new RatchetError('E_STORE', `${this.path} is open for reading only`, { retryable: false });
        await writer.run('BEGIN TRANSACTION');
        try {
          const result = await this.#scope.run(nested, () => task(writer, columns));
          await writer.run('COMMIT');
          return result;
        } catch (error) {
          await writer.run('ROLLBACK').catch(() => undefined);
          throw error;
        }
      }),
    );
  }

  /** Rows of a query as plain data; inside a transaction it sees that transaction's writes. */
  async read(sql: string, values: readonly DuckDBValue[] = []): Promise<Record<string, unknown>[]> {
    const outer = this.#scope.getStore();
    const run = async (connection: DuckDBConnection) => {
      const result = await connection.runAndReadAll(sql, [...values]);
      return result.getRowObjectsJS().map(plainRow);
    };
    if (outer !== undefined) return outer.run(async () => run((await this.#ready()).writer));
    return this.#reads.run(() => this.#guard(async () => run((await this.#ready()).reader)));
  }

  /** One SELECT of a user: no other statement, no files, at most `limit` rows, interrupted after `timeoutSeconds`. */
  visit(
    sql: string,
    values: readonly DuckDBValue[],
    limit: number,
    timeoutSeconds: number,
  ): Promise<Record<string, unknown>[]> {
    return this.#visits.run(async () => {
      const { visitor } = await this.#ready();
      let interrupted = false;
      const timer = setTimeout(() => {
        interrupted = true;
        visitor.interrupt();
      }, timeoutSeconds * 1000);
      try {
        const statements = await visitor.extractStatements(sql);
        if (statements.count !== 1) throw refusal(`${statements.count} statements`);
        const statement = await statements.prepare(0);
        if (![StatementType.SELECT, StatementType.EXPLAIN].includes(statement.statementType))
          throw refusal(StatementType[statement.statementType] ?? 'another statement');
        statement.bind([...values]);
        const result = await statement.runAndReadUntil(limit);
        return result.getRowObjectsJS().slice(0, limit).map(plainRow);
      } catch (error) {
        if (interrupted)
          throw new RatchetError('E_USAGE', `the query ran longer than ${timeoutSeconds} s`, {
            hint: 'Narrow it with WHERE or LIMIT.',
          });
        const mapped = storeError(error, this.path);
        if (isRatchetError(mapped) && mapped.code !== 'E_STORE') throw mapped;
        throw new RatchetError(
          'E_USAGE',
          `the query failed: ${error instanceof Error ? error.message : String(error)}`,
          {
            hint: 'Only one SELECT over the tables of the store is accepted; `SHOW TABLES` lists them.',
            cause: error,
          },
        );
      } finally {
        clearTimeout(timer);
      }
    });
  }

  /** The columns of every table. */
  async columns(): Promise<Map<string, Column[]>> {
    return (await this.#ready()).columns;
  }

  /**
   * Moves a write-ahead log of at least so many bytes into the database file, and gives back the memory that DuckDB's
   * allocator has kept of what it freed, 150 MB after a hundred small rounds, which nothing but a new limit makes it do. A
   * log that cannot be moved now stays: its rows are as safe there, and DuckDB itself moves a log of 16 MB. Inside a
   * transaction it does nothing.
   */
  async settle(leastBytes: number): Promise<void> {
    if (this.#scope.getStore() !== undefined) return;
    const { size } = await stat(`${this.path}.wal`).catch(() => ({ size: 0 }));
    const statements = [
      ...(size < leastBytes ? [] : ['CHECKPOINT']),
      `SET memory_limit = '${this.#options.memoryLimit ?? MEMORY_LIMIT}'`,
    ];
    for (const statement of statements) {
      await this.#writes
        .run(() => this.#guard(async () => (await this.#ready()).writer.run(statement)))
        .catch(() => undefined);
    }
  }

  /** Waits for running writes and reads, then closes the file. Closing twice is harmless. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([this.#writes, this.#reads, this.#visits].map((queue) => queue.run(() => Promise.resolve())));
    this.#disconnect();
    opened.delete(this.path);
  }

  /** Opens the file again when DuckDB shut it down after a failed write. */
  async #ready(): Promise<Handles> {
    if (this.#handles !== undefined) return this.#handles;
    if (this.#closed) throw new RatchetError('E_STORE', `the store ${this.path} is closed`, { retryable: false });
    this.#handles = await connect(this.path, this.#options);
    return this.#handles;
  }

  async #guard<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      if (isInvalidated(error)) this.#disconnect();
      throw storeError(error, this.path);
    }
  }

  #disconnect(): void {
    const handles = this.#handles;
    this.#handles = undefined;
    if (handles === undefined) return;
    for (const connection of [handles.writer, handles.reader, handles.visitor]) connection.closeSync();
    handles.instance.closeSync();
  }
}

async function prepare(path: string, options: OpenOptions): Promise<string> {
  if (options.readOnly === true && !existsSync(path))
    throw new RatchetError('E_NOT_FOUND', `no database ${path}`, { hint: 'Start `ratchet up` once to create it.' });
  try {
    await mkdir(dirname(path), { recursive: true });
    const real = join(await realpath(dirname(path)), basename(path));
    if (!existsSync(real)) await createFile(real);
    return real;
  } catch (error) {
    throw storeError(error, path);
  }
}

/** What is younger than this may still be made by another process. */
const LEFTOVER_MILLISECONDS = 60_000;

/** Makes a new database that appears whole: a file whose maker is killed before DuckDB has written its headers is none. */
async function createFile(path: string): Promise<void> {
  const start = `${basename(path)}.new-`;
  for (const name of await readdir(dirname(path))) {
    const left = join(dirname(path), name);
    if (name.startsWith(start) && (await stat(left)).mtimeMs < Date.now() - LEFTOVER_MILLISECONDS) await rm(left);
  }
  const temporary = join(dirname(path), `${start}${randomUUID()}`);
  const instance = await DuckDBInstance.create(temporary, { default_block_size: String(BLOCK_SIZE) });
  instance.closeSync();
  // A rename would replace what another process has made meanwhile; but some file systems have no links.
  await link(temporary, path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') await rename(temporary, path);
  });
  await rm(temporary, { force: true });
}

async function connect(path: string, options: OpenOptions): Promise<Handles> {
  const instance = await DuckDBInstance.create(path, {
    access_mode: options.readOnly === true ? 'READ_ONLY' : 'READ_WRITE',
    threads: String(options.threads ?? 2),
    memory_limit: options.memoryLimit ?? MEMORY_LIMIT,
    default_block_size: String(BLOCK_SIZE),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  try {
    const writer = await instance.connect();
    await writer.run('SET enable_external_access = false');
    if (options.readOnly !== true) await migrate(writer, await readMigrations(options.migrations ?? MIGRATIONS), path);
    const columns = await readColumns(writer);
    if (options.readOnly !== true) await createStaging(writer, columns);
    return { instance, writer, reader: await instance.connect(), visitor: await instance.connect(), columns };
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

function refusal(what: string): RatchetError {
  return new RatchetError('E_USAGE', `a query must be one SELECT, this is ${what}`, {
    hint: 'Write one SELECT; the store is changed only through its own commands.',
  });
}

function plainRow(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)]));
}

/** 64-bit integers become numbers where exact (else text), times become ISO 8601 text. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return plainRow(value as Record<string, unknown>);
  return value;
}
