import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SMALL_LOOP } from '../../workers/chaos/small-loop.js';
import { lockHolder, supervisorLockFile, type SupervisorHolder } from '../../workers/lock.js';
import { until } from '../workflow/environment.js';
import { jsonLines, Ratchet, ratchet } from './ratchet.js';

const NAME = SMALL_LOOP.loop.name;
let cwd: string;
let running: Ratchet;
const options = () => ['--data', path.join(cwd, 'data'), '--config', path.join(cwd, 'loop.json')];
const command = (...args: string[]) => ratchet([...args, ...options()], { cwd });
const json = async (...args: string[]) => jsonLines((await command(...args, '--json')).stdout);
/** The model that waits for approval in a round, once one does. */
async function waitingModel(round: number): Promise<string> {
  let model = '';
  await until(
    `round ${round} waits for approval`,
    async () => {
      const [status] = (await json('loop', 'status')) as { round?: number; approval?: { model: string } | null }[];
      if (status?.round === round) model = status.approval?.model ?? '';
      return model !== '';
    },
    300_000,
  );
  return model;
}

function killStoreWorker(): void {
  const holder = lockHolder<SupervisorHolder>(supervisorLockFile(path.join(cwd, 'data')));
  process.kill(holder!.processes.find(({ name }) => name === 'store-worker')!.pid, 'SIGKILL');
}

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'ratchet-control-'));
  const { tracking, ...loop } = SMALL_LOOP.loop as { tracking?: object };
  // Every model is asked about, however good it is.
  const asked = { ...loop, rounds: 0, components: { tracking: false }, tracking: { ...tracking, approval: true } };
  writeFileSync(path.join(cwd, 'loop.json'), JSON.stringify({ ...SMALL_LOOP, loop: asked }));
});
afterAll(async () => {
  running.signal('SIGTERM');
  await running.ended;
  rmSync(cwd, { recursive: true, force: true, maxRetries: 5 });
});

it('W1: a loop is approved, denied, put back and ended from the command line, and the audit trail has it all', async () => {
  running = new Ratchet(['up', '--json', '--any-port', ...options()], { cwd });
  await running.waitFor('"event":"ready"');
  expect(await command('loop', 'reset', NAME, '--to-round', '0')).toMatchObject({
    code: 6,
    stderr: `error E_NOT_FOUND: There is no loop "${NAME}".\nhint: Start it with \`npx ratchet loop start --name ${NAME}\`.\n`,
  });
  expect((await command('loop', 'start')).code).toBe(0);
  const first = await waitingModel(1);
  expect(first).toBe(`${NAME}-round-1`);
  expect((await command('loop', 'approve', NAME, '--why', 'looked at it')).stdout).toBe(
    `${first} becomes the champion of the loop ${NAME}.\n`,
  );
  await waitingModel(2);
  expect((await command('loop', 'deny', NAME)).code).toBe(0);
  await waitingModel(3);
  expect(await command('loop', 'rollback', NAME, '--to', 'nobody')).toMatchObject({
    code: 6,
    stderr: `error E_NOT_FOUND: The loop ${NAME} has no model version nobody.\nhint: Take one of base, ${NAME}-round-1, ${NAME}-round-2, ${NAME}-round-3.\n`,
  });
  const back = await command('loop', 'rollback', NAME, '--to', 'base', '--reason', 'users complain');
  expect(back.stdout).toBe(
    `The champion of the loop ${NAME} is the base model; round 4 is next.\nNo longer counted, but kept: round 3.\n`,
  );
  await waitingModel(4);
  // Whoever is asked is killed meanwhile: the request has its effect all the same, once.
  const asked = json('loop', 'reset', NAME, '--to-round', '1');
  killStoreWorker();
  expect(await asked).toEqual([
    { event: 'reset', name: NAME, superseded: [2, 4], nextRound: 5, champion: `${NAME}-round-1` },
  ]);
  expect((await command('loop', 'stop', '--now', '--reason', 'enough')).code).toBe(0);
  const stopped = async () => ((await json('loop', 'status'))[0] as { workflow?: string }).workflow === 'CANCELLED';
  await until('the loop has ended', stopped, 60_000);
  const trail = (await json('loop', 'audit', NAME)).filter((entry) => entry['actor'] === userInfo().username);
  expect(trail.map(({ action, subject }) => [action, subject])).toEqual([
    ['approve', `${NAME}-round-1`],
    ['deny', `${NAME}-round-2`],
    ['rollback', 'base'],
    ['reset', 'round 1'],
    ['stop', NAME],
  ]);
  expect(trail.at(-1)).toMatchObject({ details: { reason: 'enough', now: true } });
  expect((await command('loop', 'audit', NAME)).stdout).toContain('users complain');
  expect(await command('loop', 'approve', NAME)).toMatchObject({ code: 6 });
});
