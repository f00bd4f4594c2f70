import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockHolder, supervisorLockFile, type SupervisorHolder } from '../../workers/lock.js';
import { until } from '../workflow/environment.js';
import { jsonLines, Ratchet, ratchet } from './ratchet.js';

let cwd: string;
let running: Ratchet;
const data = () => path.join(cwd, 'data');
const holder = () => lockHolder<SupervisorHolder>(supervisorLockFile(data()));

async function up(): Promise<void> {
  running = new Ratchet(['up', '--json', '--any-port', '--data', data()], { cwd });
  await running.waitFor('"event":"ready"');
}
/** SIGKILL for the supervisor, the server and every worker. */
async function killEverything(): Promise<void> {
  const { processes = [], server } = holder() ?? {};
  running.signal('SIGKILL');
  for (const pid of [...processes.map((each) => each.pid), ...(server ? [server.pid] : [])]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The end of the supervisor has ended it already.
    }
  }
  await running.ended;
}
const command = (...args: string[]) => ratchet([...args, '--data', data()], { cwd });
const json = async (...args: string[]) => jsonLines((await command(...args, '--json')).stdout);
const schedule = async (name: string) => (await json('schedule', 'list')).find((each) => each['name'] === name)!;

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'ratchet-schedule-'));
  await up();
});
afterAll(async () => {
  await killEverything();
  rmSync(cwd, { recursive: true, force: true, maxRetries: 5 });
});

describe('W2: ratchet schedule', () => {
  it('W2: fires after everything was killed and started again, and with 0 new events starts no training', async () => {
    expect((await command('loop', 'start')).code).toBe(0);
    const created = await command('schedule', 'create', 'often', '--every', '2s', '--catch-up', '10s');
    expect(created).toMatchObject({ code: 0, stderr: '' });
    expect(created.stdout).toBe('The schedule often checks the loop main; it stays until it is deleted.\n');
    await until('it has fired', async () => (await schedule('often'))['taken'] !== 0);

    await killEverything();
    await up();
    const before = (await schedule('often'))['taken'] as number;
    const waiting = async () => ((await json('loop', 'status'))[0] as { phase?: string }).phase === 'waiting';
    await until('the loop waits for feedback', waiting, 300_000);
    await until('it has fired again', async () => ((await schedule('often'))['taken'] as number) > before + 1, 60_000);
    const [status] = (await json('loop', 'status')) as { round?: number; phase?: string }[];
    expect(status).toMatchObject({ phase: 'waiting', round: 1 });
  });

  it('W2: skips a check that falls due while one runs, and says so', async () => {
    await command('loop', 'pause');
    const skipped = async () => (await schedule('often'))['skipped'] as number;
    const before = await skipped();
    await until('a check was skipped', async () => (await skipped()) > before, 60_000);
    await command('loop', 'resume');
  });

  it('pauses, resumes, triggers, backfills and deletes', async () => {
    await command('schedule', 'create', 'yearly', '--cron', '0 0 1 1 *', '--time-zone', 'Europe/Berlin');
    expect(await schedule('yearly')).toMatchObject({ cron: '0 0 1 1 *', paused: false, taken: 0 });
    expect((await schedule('yearly'))['next']).toMatch(/-12-31T23:00:00/);
    await command('schedule', 'pause', 'yearly', '--reason', 'holidays');
    expect(await schedule('yearly')).toMatchObject({ paused: true, note: expect.stringMatching(/: holidays$/) });
    await command('schedule', 'resume', 'yearly');
    await command('schedule', 'trigger', 'yearly');
    await until('it has run', async () => (await schedule('yearly'))['taken'] === 1);
    const span = ['--from', '2024-06-01T00:00:00Z', '--to', '2026-06-01T00:00:00Z'];
    expect((await command('schedule', 'backfill', 'yearly', ...span)).code).toBe(0);
    await until('two years were made up for', async () => (await schedule('yearly'))['taken'] === 3);
    expect((await command('schedule', 'delete', 'yearly')).stdout).toBe('The schedule yearly is deleted.\n');
    expect((await command('schedule', 'pause', 'yearly')).code).toBe(6);
  });

  it('says what is wrong', async () => {
    await command('schedule', 'create', 'twice', '--every', '1h', '--paused');
    expect(await command('schedule', 'create', 'twice', '--every', '1h')).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error E_USAGE: There is a schedule "twice" already.\nhint: Take another name, or delete it first with `npx ratchet schedule delete twice`.\n',
    });
    const { code, stderr } = await command('schedule', 'create', 'wrong', '--cron', 'every day');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^error E_USAGE: Temporal refuses the schedule: .*\nhint: A cron expression has five fields/,
    );
  });
});
