import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import {
  loadBestCheckpoint,
  loadNewestCheckpoint,
  markBest,
  saveCheckpoint,
  type CheckpointParts,
} from '../../../engine/train/checkpoint.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-checkpoint-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const parts = (value: number): CheckpointParts => ({
  tensors: new Map<string, HostTensor>([
    ['w', { dtype: 'float32', shape: [2], data: Float32Array.of(value, -0) }],
    ['half', { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) }],
  ]),
  state: { value, order: [3, 1, 2] },
});

describe('checkpoints', () => {
  it('gives back the newest with the same bits', async () => {
    await saveCheckpoint(folder, 20, parts(1));
    const reference = await saveCheckpoint(folder, 40, parts(0.1));
    const loaded = await loadNewestCheckpoint(folder);
    expect(loaded).toEqual({ ...reference, ...parts(Math.fround(0.1)), state: parts(0.1).state, skipped: [] });
    expect(reference).toMatchObject({ step: 40, path: join(folder, 'step-00000040') });
    expect(reference.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('has the same hash for the same contents, another for others', async () => {
    const first = await saveCheckpoint(folder, 5, parts(1));
    const other = await saveCheckpoint(folder, 5, parts(2));
    const again = await saveCheckpoint(folder, 5, parts(1));
    expect(again.sha256).toBe(first.sha256);
    expect(other.sha256).not.toBe(first.sha256);
    expect((await loadNewestCheckpoint(folder))?.state).toEqual(parts(1).state);
  });

  it('finds none in a folder that does not exist', async () => {
    expect(await loadNewestCheckpoint(join(folder, 'none'))).toBeNull();
    expect(await loadBestCheckpoint(join(folder, 'none'))).toBeNull();
  });

  it('keeps the last two and the best, and clears leftovers of a crash', async () => {
    await writeFile(join(folder, '.tmp-step-00000001-1'), 'half written');
    for (const step of [10, 20, 30, 40])
      await saveCheckpoint(folder, step, parts(step), { best: step === 10 || step === 20 });
    expect((await readdir(folder)).sort()).toEqual(['best.json', 'step-00000020', 'step-00000030', 'step-00000040']);
    expect((await loadBestCheckpoint(folder))?.step).toBe(20);
  });

  it('keeps the best that was marked after it was saved', async () => {
    for (const step of [10, 20, 30, 40]) {
      await saveCheckpoint(folder, step, parts(step));
      if (step === 10) await markBest(folder, step);
    }
    expect((await readdir(folder)).sort()).toEqual(['best.json', 'step-00000010', 'step-00000030', 'step-00000040']);
    expect((await loadBestCheckpoint(folder))?.step).toBe(10);
  });

  it('counts no damaged later checkpoint among the two it keeps, and never removes the one just saved', async () => {
    for (const step of [10, 20]) {
      const { path } = await saveCheckpoint(folder, step, parts(step));
      await truncate(join(path, 'state.json'));
    }
    await saveCheckpoint(folder, 5, parts(5));
    expect(await readdir(folder)).toEqual(['step-00000005']);
    await saveCheckpoint(folder, 7, parts(7));
    expect((await loadNewestCheckpoint(folder))?.step).toBe(7);
    expect((await readdir(folder)).sort()).toEqual(['step-00000005', 'step-00000007']);
  });

  const damages: [string, (path: string) => Promise<unknown>, RegExp][] = [
    [
      'a flipped byte',
      async (path) => {
        const file = join(path, 'tensors.safetensors');
        const bytes = await readFile(file);
        bytes[bytes.length - 1]! ^= 1;
        await writeFile(file, bytes);
      },
      /tensors.safetensors does not match/,
    ],
    ['a file cut short', (path) => truncate(join(path, 'tensors.safetensors'), 20), /does not match/],
    ['bytes added to the state', (path) => appendFile(join(path, 'state.json'), ' '), /state.json does not match/],
    ['a missing part', (path) => rm(join(path, 'state.json')), /ENOENT/],
    ['missing checksums', (path) => rm(join(path, 'checksums.json')), /ENOENT/],
    ['empty checksums', (path) => truncate(join(path, 'checksums.json')), /JSON/],
  ];
  it.each(damages)('skips and reports a checkpoint with %s', async (_name, damage, why) => {
    await saveCheckpoint(folder, 1, parts(1));
    const { path } = await saveCheckpoint(folder, 2, parts(2), { best: true });
    await damage(path);
    const loaded = await loadNewestCheckpoint(folder);
    expect(loaded?.step).toBe(1);
    expect(loaded?.skipped).toEqual([{ path, why: expect.stringMatching(why) as string }]);
    expect(await loadBestCheckpoint(folder)).toBeNull();
  });

  it('reports damage also when nothing valid is left', async () => {
    const { path } = await saveCheckpoint(folder, 2, parts(2));
    await truncate(join(path, 'state.json'));
    const skipped: string[] = [];
    expect(await loadNewestCheckpoint(folder, { onSkip: (entry) => skipped.push(entry.path) })).toBeNull();
    expect(skipped).toEqual([path]);
  });

  it('says what to do when the folder cannot be made', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(saveCheckpoint(join(folder, 'file'), 1, parts(1))).rejects.toMatchObject({
      code: 'E_DATA_FOLDER',
      hint: expect.stringContaining('folder') as string,
    });
  });
});
