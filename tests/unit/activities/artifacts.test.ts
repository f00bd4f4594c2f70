import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillRows, readRows, readRowsInPieces, writeRows } from '../../../activities/artifacts.js';
import { temporaryFolder } from '../store/rows.js';

describe('rows in the data folder', () => {
  it('are written by several attempts at once without one taking the file of another', async () => {
    const folder = temporaryFolder();
    const rows = Array.from({ length: 500 }, (_, id) => ({ id }));
    const refs = await Promise.all([1, 2, 3].map(() => writeRows(folder, 'loops/x/rows.jsonl', rows)));
    expect(new Set(refs.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(await readRows(folder, refs[0]!)).toEqual(rows);
    expect(readdirSync(path.join(folder, 'loops/x'))).toEqual(['rows.jsonl']);
  });

  it('come back piece by piece as they were written piece by piece', async () => {
    const folder = temporaryFolder();
    // Line separators of Unicode end no row.
    const rows = Array.from({ length: 25 }, (_, id) => ({ id, text: `é\u2028😀${'x'.repeat(70_000)}` }));
    const { ref, result } = await fillRows(folder, 'rows.jsonl', async (append) => {
      for (let at = 0; at < rows.length; at += 7) await append(rows.slice(at, at + 7));
      return 'filled';
    });
    expect([result, ref]).toEqual([
      'filled',
      await writeRows(folder, 'again.jsonl', rows).then((again) => ({ ...again, uri: 'rows.jsonl' })),
    ]);
    const pieces: unknown[][] = [];
    for await (const piece of readRowsInPieces(folder, ref, 10)) pieces.push(piece);
    expect(pieces.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(pieces.flat()).toEqual(rows);
  });

  it('are no rows before the whole file is known to be what was meant', async () => {
    const folder = temporaryFolder();
    const ref = await writeRows(folder, 'rows.jsonl', [1, 2, 3]);
    writeFileSync(path.join(folder, 'rows.jsonl'), '1\n2\n4\n');
    await expect(readRowsInPieces(folder, ref, 1).next()).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
    const gone = { ...ref, uri: 'gone.jsonl' };
    await expect(readRowsInPieces(folder, gone, 1).next()).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('leave nothing behind when they cannot all be made', async () => {
    const folder = temporaryFolder();
    const failing = fillRows(folder, 'rows.jsonl', async (append) => {
      await append([1]);
      throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    expect(existsSync(folder) && readdirSync(folder)).toEqual([]);
  });
});
