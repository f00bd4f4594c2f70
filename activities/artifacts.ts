import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactRef } from '../config/domain.js';
import { isDiskFull, RatchetError } from '../config/errors.js';
import { fileSha256 } from '../engine/formats/file-sha256.js';

/** Characters that are written at once: one string holds half a gigabyte at most. */
const WRITTEN_AT_ONCE = 1 << 20;
/** Characters of the rows that {@link readRowsInPieces} gives at once. */
const PIECE = 8 << 20;

/**
 * Writes rows as JSON lines into the data folder, durably and atomically (temporary file, fsync, rename), and
 * returns the reference that travels through Temporal in their place. Writing the same rows again is harmless:
 * the bytes are the same.
 */
export async function writeRows(dataFolder: string, uri: string, rows: readonly unknown[]): Promise<ArtifactRef> {
  return (await fillRows(dataFolder, uri, (append) => append(rows))).ref;
}

/** As {@link writeRows}, for more rows than should be in memory at once: `fill` appends them, some at a time. */
export async function fillRows<Result>(
  dataFolder: string,
  uri: string,
  fill: (append: (rows: readonly unknown[]) => Promise<void>) => Promise<Result>,
): Promise<{ ref: ArtifactRef; result: Result }> {
  const target = resolveInside(dataFolder, uri);
  const fault = (error: unknown) => {
    throw fileFault(error, target);
  };
  // Of its own: two attempts may write at once, in one process or in containers that have the same pid.
  const temporary = `${target}.${randomUUID()}.tmp`;
  await mkdir(path.dirname(target), { recursive: true }).catch(fault);
  const file = await open(temporary, 'w').catch(fault);
  const hash = createHash('sha256');
  let count = 0;
  const write = async (text: string) => {
    hash.update(text);
    await file.appendFile(text).catch(fault);
  };
  try {
    const result = await fill(async (rows) => {
      let text = '';
      for (const row of rows) {
        text += `${JSON.stringify(row)}\n`;
        if (text.length < WRITTEN_AT_ONCE) continue;
        await write(text);
        text = '';
      }
      await write(text);
      count += rows.length;
    });
    await file.sync().catch(fault);
    await file.close().catch(fault);
    await rename(temporary, target).catch(fault);
    return { ref: { uri, sha256: hash.digest('hex'), rows: count }, result };
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Reads the rows behind a reference; throws E_DATA_INVALID when the file no longer holds what was referenced. */
export async function readRows<Row>(dataFolder: string, ref: ArtifactRef): Promise<Row[]> {
  const file = resolveInside(dataFolder, ref.uri);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw rowsGone(ref, error);
  }
  checkContents(ref, createHash('sha256').update(text).digest('hex'));
  return parseLines(text.split('\n'));
}

/** As {@link readRows}, some rows at a time: at most `largest`, and about 8 million characters. */
export async function* readRowsInPieces<Row>(
  dataFolder: string,
  ref: ArtifactRef,
  largest: number,
): AsyncGenerator<Row[]> {
  const file = resolveInside(dataFolder, ref.uri);
  // All of it before the first row is used: rows of a damaged file count for nothing.
  checkContents(
    ref,
    await fileSha256(file).catch((cause: unknown) => {
      throw rowsGone(ref, cause);
    }),
  );
  let lines: string[] = [];
  let characters = 0;
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'utf8' }) as AsyncIterable<string>) {
    const complete = (rest + chunk).split('\n');
    rest = complete.pop()!;
    for (const line of complete) {
      lines.push(line);
      characters += line.length;
      if (lines.length < largest && characters < PIECE) continue;
      yield parseLines(lines);
      lines = [];
      characters = 0;
    }
  }
  if (rest !== '') lines.push(rest);
  if (lines.length > 0) yield parseLines(lines);
}

/** The rows of JSON lines; empty ones are none. */
export function parseLines<Row>(lines: readonly string[]): Row[] {
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Row);
}

function checkContents(ref: ArtifactRef, sha256: string): void {
  if (sha256 === ref.sha256) return;
  throw new RatchetError('E_DATA_INVALID', `${ref.uri} was changed: its SHA-256 is ${sha256}, not ${ref.sha256}.`, {
    hint: 'Files in the data folder are written by Ratchet alone; restore it from a copy.',
  });
}

function rowsGone(ref: ArtifactRef, cause: unknown): RatchetError {
  return new RatchetError('E_NOT_FOUND', `The rows ${ref.uri} are gone from the data folder.`, {
    hint: 'Restore the data folder, or start the loop again with --fresh.',
    cause,
  });
}

/** Absolute path of a reference; throws E_DATA_INVALID for one that points outside the data folder. */
export function resolveInside(dataFolder: string, uri: string): string {
  const root = path.resolve(dataFolder);
  const target = path.resolve(root, uri);
  if (!target.startsWith(root + path.sep)) {
    throw new RatchetError('E_DATA_INVALID', `${JSON.stringify(uri)} points outside the data folder.`);
  }
  return target;
}

function fileFault(error: unknown, target: string): unknown {
  if (isDiskFull(error)) {
    return new RatchetError('E_DISK_FULL', `No space left to write ${target}.`, {
      hint: 'Free some space; the step is tried again and goes on where it was.',
      cause: error,
    });
  }
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return new RatchetError('E_DATA_FOLDER', `The data folder cannot be written: ${target}.`, {
      hint: 'Choose another folder with --data, or mend its permissions.',
      cause: error,
    });
  }
  return error;
}
