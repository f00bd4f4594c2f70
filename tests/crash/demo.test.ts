import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { strike, type Fault } from '../../workers/chaos/faults.js';
import {
  differences,
  lostEvents,
  lostSteps,
  takeFingerprint,
  type Fingerprint,
} from '../../workers/chaos/fingerprint.js';
import { CHECKPOINT_EVERY_STEPS } from '../../workers/chaos/small-loop.js';
import { SmallRun } from '../../workers/chaos/small-run.js';

const PROGRAM = fileURLToPath(new URL('../../dist/apps/cli/main.js', import.meta.url));

/** A fault for each process, each kind of moment and each kind of fault; `ratchet chaos` draws any number of others. */
const FAULTS: [string, Fault][] = [
  ['kill -9 of the gpu worker, in training', fault('gpu-worker', 'round-1/training-')],
  ['kill -9 of the gpu worker, writing a checkpoint', fault('gpu-worker', '.tmp-step-00000002')],
  ['kill -9 of the gpu worker, after its last step', fault('gpu-worker', 'round-1/models/')],
  ['kill -9 of the cpu worker, in selection', fault('cpu-worker', 'round-1/rewards.jsonl')],
  ['kill -9 of the store worker, in selection', fault('store-worker', 'round-1/answers.jsonl')],
  ['kill -9 of the store worker, in training', fault('store-worker', 'round-2/training-')],
  ['kill -9 of the server', fault('server', 'round-1/rewards.jsonl')],
  ['kill -9 of the server, in training', fault('server', 'round-2/training-')],
  ['kill -9 of the command itself, typed again', fault('supervisor', 'round-2/requests.jsonl')],
  ['kill -9 of the store worker, migrating its database', fault('store-worker', 'ratchet.duckdb')],
  ['kill -9 of the store worker, as the loop continues as new', fault('store-worker', 'round-1 closes')],
  ['a freeze of the gpu worker for longer than its heartbeat timeout', freeze('gpu-worker', 'step-00000002', 7_000)],
  ['a full disk under the gpu worker, writing a checkpoint', fullDisk('gpu-worker', '.tmp-step-00000002', 2_000)],
  ['a full disk under the store worker, in training', fullDisk('store-worker', 'round-1/training-', 2_000)],
  ['a clock that jumps by 400 days', { ...fault('supervisor', 'round-1/rewards'), ...clock(400 * 24 * 3600_000) }],
  ['a second gpu worker on the device', { ...fault('gpu-worker', 'round-1/batches'), kind: 'second-worker' }],
  ['the command given twice', { ...fault('supervisor', 'round-1/requests'), kind: 'again' }],
];

function fault(target: Fault['target'], moment: string): Fault {
  return { target, kind: 'kill', moment: [moment, 'round-2/answers.jsonl'], delayMilliseconds: 0 };
}
function freeze(target: Fault['target'], moment: string, milliseconds: number): Fault {
  return { ...fault(target, moment), kind: 'freeze', milliseconds };
}
function fullDisk(target: Fault['target'], moment: string, milliseconds: number): Fault {
  return { ...fault(target, moment), kind: 'no-space', milliseconds };
}
function clock(milliseconds: number): Pick<Fault, 'kind' | 'milliseconds'> {
  return { kind: 'clock', milliseconds };
}

describe('W2: a loop whose processes are killed', () => {
  let undisturbed: Fingerprint;
  const runs: SmallRun[] = [];
  const start = (movableClock = false) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-crash-'));
    const run = new SmallRun(PROGRAM, folder, undefined, movableClock);
    runs.push(run);
    return run;
  };

  beforeAll(async () => {
    undisturbed = await takeFingerprint(start());
  });
  afterEach(async () => {
    await Promise.all(runs.splice(0).map((run) => run.remove()));
  });
  afterAll(() => {
    expect(undisturbed.hashes['adapter']).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.keys(undisturbed.checkpoints).length).toBeGreaterThan(4);
    expect(undisturbed.events.length).toBe(96);
  });

  it.each(FAULTS)('W2: ends with the same bits after %s', async (_name, disturbance) => {
    const run = start(disturbance.kind === 'clock');
    expect(await strike(run, disturbance)).toBe(true);
    const disturbed = await takeFingerprint(run);
    expect(differences(undisturbed, disturbed)).toEqual([]);
    expect(lostEvents(undisturbed, disturbed)).toBe(0);
    expect(await lostSteps(run.dataFolder)).toBeLessThanOrEqual(CHECKPOINT_EVERY_STEPS);
  });

  it('W2: the second of two commands goes on, with the same bits, when the first is killed, which ran everything', async () => {
    const run = start();
    expect(await run.reaches('round-1/requests')).toBe(true);
    const [first] = run.processes('supervisor');
    run.again();
    expect(await run.reaches('round-1/training-')).toBe(true);
    process.kill(first!, 'SIGKILL');
    expect(differences(undisturbed, await takeFingerprint(run))).toEqual([]);
  });
});
