import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimFence } from '../../../activities/fence.js';
import { saveCheckpoint } from '../../../engine/train/checkpoint.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-fence-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const activity = 'loop/main/round-1/train 1';
const locked = expect.objectContaining({ code: 'E_LOCKED', retryable: false });

describe('claimFence', () => {
  it('lets its holder write until a later attempt claims the folder', async () => {
    const first = await claimFence(folder, { activity, attempt: 1 });
    await first.check();
    const second = await claimFence(folder, { activity, attempt: 2 });
    await second.check();
    expect(second.token).toBe(first.token + 1);
    await expect(first.check()).rejects.toEqual(locked);
  });

  it('refuses an attempt that only begins after its replacement', async () => {
    const second = await claimFence(folder, { activity, attempt: 2 });
    await expect(claimFence(folder, { activity, attempt: 1 })).rejects.toEqual(locked);
    await second.check();
  });

  it('hands the folder to another activity, whose attempts count anew', async () => {
    const before = await claimFence(folder, { activity, attempt: 3 });
    await (await claimFence(folder, { activity: 'loop/main/round-1/train 2', attempt: 1 })).check();
    await expect(before.check()).rejects.toEqual(locked);
  });

  it('gives each of many at once a token of its own, and leaves one holder', async () => {
    const fences = await Promise.all(
      Array.from({ length: 20 }, (_, index) => claimFence(folder, { activity: `activity ${index}`, attempt: 1 })),
    );
    expect(fences.map((fence) => fence.token).sort((a, b) => a - b)).toEqual(fences.map((_, index) => index + 1));
    const checked = await Promise.allSettled(fences.map((fence) => fence.check()));
    expect(checked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('counts a token whose file a crash left empty', async () => {
    writeFileSync(path.join(folder, 'fence-00000004.json'), '');
    expect((await claimFence(folder, { activity, attempt: 1 })).token).toBe(5);
  });
});

describe('W2: a worker that wakes up replaced', () => {
  const parts = { tensors: new Map(), state: { from: 'zombie' } };

  it('W2: writes no checkpoint, and leaves that of its replacement and what it is writing alone', async () => {
    const checkpoints = path.join(folder, 'checkpoints');
    const zombie = await claimFence(folder, { activity, attempt: 1 });
    await saveCheckpoint(checkpoints, 2, parts, { beforeWrite: zombie.check });
    const living = await claimFence(folder, { activity, attempt: 2 });
    await saveCheckpoint(checkpoints, 4, { ...parts, state: { from: 'living' } }, { beforeWrite: living.check });
    writeFileSync(path.join(checkpoints, '.tmp-step-00000006-1'), 'being written by the living');
    const before = readdirSync(checkpoints);
    await expect(saveCheckpoint(checkpoints, 8, parts, { beforeWrite: zombie.check })).rejects.toEqual(locked);
    expect(readdirSync(checkpoints)).toEqual(before);
    expect(before).toContain('step-00000004');
    await living.check();
  });
});
