import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MIGRATIONS } from '../../../store/migrate.js';
import { Store } from '../../../store/store.js';
import { event, temporaryFolder, temporaryStore } from './rows.js';

const OWNER = fileURLToPath(new URL('owner.ts', import.meta.url));

type Line = Record<string, unknown>;

/** A process that owns a store, killed when the test ends. */
class Owner {
  readonly lines: Line[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  #wake: () => void = () => undefined;
  #exited = false;

  constructor(args: string[], prefix: string[] = []) {
    const [program = '', ...rest] = [...prefix, process.execPath, '--import', 'tsx', OWNER, ...args];
    this.#child = spawn(program, rest, { env: { ...process.env, NODE_OPTIONS: '' } });
    createInterface(this.#child.stdout).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      this.#wake();
    });
    let errors = '';
    this.#child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    this.#child.on('exit', () => {
      this.#exited = true;
      if (errors !== '') this.lines.push({ stderr: errors });
      this.#wake();
    });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves once `condition` holds for the lines said so far. */
  async until(condition: (lines: Line[]) => boolean): Promise<Line[]> {
    while (!condition(this.lines)) {
      if (this.#exited) throw new Error(`the owner ended early: ${JSON.stringify(this.lines)}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.lines;
  }

  say(text: string): void {
    this.#child.stdin.write(`${text}\n`);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit();
  }

  async exit(): Promise<void> {
    while (!this.#exited) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

const committed = (lines: Line[]) => lines.reduce((most, line) => Math.max(most, Number(line.committed ?? 0)), 0);

describe('kill -9', () => {
  it('D8: a file is a database from the moment it is there', async () => {
    for (let run = 0; run < 3; run++) {
      const path = join(temporaryFolder(), 'store.duckdb');
      const owner = new Owner(['hold', path]);
      // Looks as often as it can: the moment is short.
      while (!existsSync(path));
      await owner.kill();
      const store = await Store.open(path);
      expect(await store.countPending('main', 0)).toBe(0);
      await store.close();
    }
  });

  it.each([10, 250])('D8: every committed event survives SIGKILL after %i events', async (count) => {
    const path = join(temporaryFolder(), 'store.duckdb');
    const owner = new Owner(['append', path]);
    await owner.until((lines) => committed(lines) >= count);
    await owner.kill();
    const promised = committed(owner.lines);

    const store = await temporaryStore(path);
    const kept = await store.pendingFeedback('main', 0);
    expect(kept.length).toBeGreaterThanOrEqual(promised);
    expect(kept.length % 10).toBe(0);
    expect(kept).toEqual(kept.map((_, index) => ({ ...event(index), seq: index + 1 })));
    const repeated = await store.appendFeedback(
      'main',
      Array.from({ length: promised }, (_, index) => event(index)),
    );
    expect(repeated).toMatchObject({ accepted: 0, duplicates: promised });
  });

  it('a migration killed in the middle leaves the version before it, and runs again', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'store.duckdb');
    const migrations = (name: string, second?: string) => {
      const target = join(folder, name);
      mkdirSync(target);
      copyFileSync(join(MIGRATIONS, '001-initial.sql'), join(target, '001-initial.sql'));
      if (second !== undefined) writeFileSync(join(target, '002-half.sql'), second);
      return target;
    };
    const first = migrations('first');
    const half = 'CREATE TABLE half (x BIGINT);\nINSERT INTO half SELECT range FROM range(1000);\n';
    const endless = migrations(
      'endless',
      `${half}INSERT INTO half SELECT sum(a.range * b.range) FROM range(100000000) a, range(100000) b;`,
    );
    await (await Store.open(path, { migrations: first })).close();
    const size = statSync(path).size;

    const owner = new Owner(['migrate', path, endless]);
    await owner.until((lines) => lines.length >= 8);
    await owner.kill();
    expect(owner.lines.filter((line) => line.tick !== true)).toEqual([]);

    const before = await Store.open(path, { migrations: first });
    expect(await before.query('SELECT version FROM schema_version')).toEqual([{ version: 1 }]);
    await expect(before.query('FROM half')).rejects.toMatchObject({ code: 'E_USAGE' });
    await before.close();
    expect(statSync(path).size).toBeGreaterThanOrEqual(size);
    const after = await Store.open(path, { migrations: migrations('quick', half) });
    expect(await after.query('SELECT version, name FROM schema_version ORDER BY version')).toEqual([
      { version: 1, name: 'initial' },
      { version: 2, name: 'half' },
    ]);
    expect(await after.query('SELECT count(*) AS n FROM half')).toEqual([{ n: 1000 }]);
    await after.close();
  });
});

describe('migrations', () => {
  async function migrated(
    files: Record<string, string>,
    path = join(temporaryFolder(), 'store.duckdb'),
  ): Promise<string> {
    const migrations = temporaryFolder();
    for (const [name, sql] of Object.entries(files)) writeFileSync(join(migrations, name), sql);
    const store = await Store.open(path, { migrations });
    await store.close();
    return path;
  }

  it('a migration that fails is undone as a whole and names the fault', async () => {
    const path = await migrated({ '001-a.sql': 'CREATE TABLE a (x INTEGER);' });
    const broken = migrated(
      { '001-a.sql': 'CREATE TABLE a (x INTEGER);', '002-b.sql': 'CREATE TABLE b (x INTEGER); SELECT y FROM b;' },
      path,
    );
    await expect(broken).rejects.toMatchObject({ code: 'E_STORE', message: expect.stringContaining('"y"') });
    await migrated({ '001-a.sql': 'CREATE TABLE a (x INTEGER);', '002-b.sql': 'CREATE TABLE b (x INTEGER);' }, path);
  });

  it('refuses a database whose applied migration has changed, but not its line ends', async () => {
    const path = await migrated({ '001-a.sql': 'CREATE TABLE a (\n x INTEGER);' });
    await migrated({ '001-a.sql': 'CREATE TABLE a (\r\n x INTEGER);' }, path);
    await expect(migrated({ '001-a.sql': 'CREATE TABLE a (x BIGINT);' }, path)).rejects.toMatchObject({
      code: 'E_STORE',
      retryable: false,
      message: expect.stringContaining('migration 1'),
    });
  });

  it('refuses a database of a newer version', async () => {
    const path = await migrated({ '001-a.sql': 'SELECT 1;', '002-b.sql': 'SELECT 2;' });
    await expect(migrated({ '001-a.sql': 'SELECT 1;' }, path)).rejects.toMatchObject({
      code: 'E_STORE',
      message: expect.stringContaining('has version 2, this program knows 1'),
    });
  });

  it.each([
    [{ '002-a.sql': 'SELECT 1;' }],
    [{ '001-a.sql': 'SELECT 1;', '001-b.sql': 'SELECT 1;' }],
    [{ '1-a.sql': 'SELECT 1;' }],
  ])('refuses numbers with a gap, a double or a wrong form: %j', async (files) => {
    await expect(migrated(files)).rejects.toMatchObject({ code: 'E_INTERNAL' });
  });
});

describe('one owner', () => {
  it('a second process learns who holds the file and what to do, until the first is gone', async () => {
    const path = join(temporaryFolder(), 'store.duckdb');
    const owner = new Owner(['hold', path]);
    await owner.until((lines) => lines.length > 0);
    for (const readOnly of [false, true])
      await expect(Store.open(path, { readOnly })).rejects.toMatchObject({
        code: 'E_LOCKED',
        message: expect.stringContaining(`process ${owner.pid} (`),
        hint: expect.stringContaining('stop that process'),
      });
    await owner.kill();
    await (await Store.open(path)).close();
  });

  it('a second open in the same process is refused as well, also through another path', async () => {
    const folder = temporaryFolder();
    const store = await Store.open(join(folder, 'store.duckdb'));
    await expect(Store.open(join(folder, 'x', '..', 'store.duckdb'))).rejects.toMatchObject({
      code: 'E_LOCKED',
      message: expect.stringContaining(`process ${process.pid} (this one)`),
    });
    await store.close();
    await store.close();
    await expect(store.tableCounts()).rejects.toMatchObject({
      code: 'E_STORE',
      message: expect.stringContaining('is closed'),
    });
    await (await Store.open(join(folder, 'store.duckdb'))).close();
  });

  it('a reader sees the rows and may not write', async () => {
    const path = join(temporaryFolder(), 'store.duckdb');
    await expect(Store.open(path, { readOnly: true })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    const writer = await Store.open(path);
    await writer.appendFeedback('main', [event(1)]);
    await writer.close();
    const reader = await Store.open(path, { readOnly: true });
    expect(await reader.countPending('main', 0)).toBe(1);
    await expect(reader.appendFeedback('main', [event(2)])).rejects.toMatchObject({ code: 'E_STORE' });
    await reader.close();
  });
});

describe('bad places', () => {
  it('names the folder that cannot be used', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), 'x');
    await expect(Store.open(join(folder, 'file', 'store.duckdb'))).rejects.toMatchObject({ code: 'E_DATA_FOLDER' });
    await expect(Store.open(folder)).rejects.toMatchObject({ code: 'E_DATA_FOLDER' });
  });

  it('a read-only folder is E_DATA_FOLDER with a hint', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o555);
    const owner = new Owner(['openAsNobody', join(folder, 'store.duckdb')]);
    await owner.exit();
    expect(owner.lines).toEqual([
      {
        code: 'E_DATA_FOLDER',
        message: expect.stringContaining('Permission denied'),
        hint: expect.stringContaining(`Make ${folder} writable`),
      },
    ]);
  });

  it('a file that is no database is refused and left alone', async () => {
    const path = join(temporaryFolder(), 'store.duckdb');
    writeFileSync(path, 'x'.repeat(20_000));
    await expect(Store.open(path)).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringContaining(path),
    });
    expect(statSync(path).size).toBe(20_000);
  });

  it.skipIf(!existsSync('/usr/bin/prlimit'))(
    'a full disk is E_DISK_FULL, loses nothing committed, and the store goes on once there is space (needs prlimit)',
    async () => {
      const path = join(temporaryFolder(), 'store.duckdb');
      const owner = new Owner(['fill', path], ['bash', '-c', 'ulimit -S -f 3000; exec "$0" "$@"']);
      const [refused] = await owner.until((lines) => lines.length > 0);
      expect(refused).toMatchObject({ code: 'E_DISK_FULL', message: expect.stringContaining(path) });
      execFileSync('prlimit', ['--pid', String(owner.pid), '--fsize=unlimited']);
      owner.say('go on');
      await owner.exit();
      const [, done] = owner.lines;
      expect(done).toEqual({ committed: Number(refused?.committed) + 20 });
      const store = await temporaryStore(path);
      expect(await store.lastSeq('main')).toBe(done?.committed);
      expect(await store.countPending('main', 0)).toBe(done?.committed);
    },
  );
});
