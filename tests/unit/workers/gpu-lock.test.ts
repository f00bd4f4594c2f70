import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdGpu } from '../../../workers/device-lock.js';

const lockModule = fileURLToPath(new URL('../../../workers/device-lock.ts', import.meta.url));
let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-gpu-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A process that holds a GPU of this folder until it is killed. */
function holder(gpu: string): Promise<ChildProcess> {
  const script = path.join(folder, 'holder.mts');
  const call = `holdGpu(${JSON.stringify(gpu)}, 0, ${JSON.stringify(folder)})`;
  writeFileSync(
    script,
    `import { holdGpu } from ${JSON.stringify(lockModule)}; await ${call}; process.send!('held'); setInterval(() => {}, 1e6);`,
  );
  child = fork(script, [], { execArgv: ['--import', import.meta.resolve('tsx')] });
  const started = child;
  return new Promise((resolve, reject) => {
    started.once('message', () => resolve(started));
    started.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)));
  });
}

describe('the lock of a GPU', () => {
  it('W2: keeps a second process out, and says who holds it', async () => {
    const other = await holder('0');
    await expect(holdGpu('0', 150, folder)).rejects.toMatchObject({
      code: 'E_LOCKED',
      message: expect.stringMatching(new RegExp(`^GPU 0 is held by process ${other.pid} since `)) as string,
      hint: `Wait for it, stop it (kill ${other.pid}), or train on the cpu.`,
    });
  });

  it('W2: is one a GPU, and free again when its holder has died', async () => {
    const other = await holder('0');
    (await holdGpu('1', 0, folder)).release();
    const waiting = holdGpu('0', 30_000, folder);
    other.kill('SIGKILL');
    (await waiting).release();
  });
});
