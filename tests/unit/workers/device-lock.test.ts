import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { holdDevice } from '../../../workers/device-lock.js';
import { processStart } from '../../../workers/process-identity.js';

const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
afterAll(() => void child.kill('SIGKILL'));

function heldByChild(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-device-'));
  mkdirSync(path.join(folder, 'run'));
  const holder = { pid: child.pid, start: processStart(child.pid ?? 0), startedAt: '2026-01-01T00:00:00.000Z' };
  writeFileSync(path.join(folder, 'run', 'device-0.lock'), JSON.stringify(holder));
  return folder;
}

describe('the device of a data folder', () => {
  it('W2: is not given to a second gpu worker, which says who holds it', async () => {
    await expect(holdDevice(heldByChild(), 150)).rejects.toMatchObject({
      code: 'E_LOCKED',
      message: `The device is held by process ${child.pid} since 2026-01-01T00:00:00.000Z.`,
    });
  });

  it('W2: is one of several, the first that is free', async () => {
    const folder = heldByChild();
    const first = await holdDevice(folder, 0, 2);
    expect(first.device).toBe(1);
    first.lock.release();
  });

  it('W2: is given to the one that waits as soon as the other has ended', async () => {
    const folder = heldByChild();
    const waiting = holdDevice(folder, 30_000);
    child.kill('SIGKILL');
    const { lock } = await waiting;
    lock.release();
    expect(lock.file).toBe(path.join(folder, 'run', 'device-0.lock'));
  });
});
