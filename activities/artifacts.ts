import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactRef } from '../config/domain.js';
import { isDiskFull, RatchetError } from '../config/errors.js';

/**
 * Writes rows as JSON lines into the data folder, durably and atomically (temporary file, fsync, rename), and
 * returns the reference that travels through Temporal in their place. Writing the same rows again is harmless:
 * the bytes are the same.
 */
export async function writeRows(dataFolder: string, uri: string, rows: readonly unknown[]): Promise<ArtifactRef> {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const target = resolveInside(dataFolder, uri);
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    await mkdir(path.dirname(target), { recursive: true });
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    throw fileFault(error, target);
  }
  return { uri, sha256: createHash('sha256').update(text).digest('hex'), rows: rows.length };
}

/** Reads the rows behind a reference; throws E_DATA_INVALID when the file no longer holds what was referenced. */
export async function readRows<Row>(dataFolder: string, ref: ArtifactRef): Promise<Row[]> {
  const file = resolveInside(dataFolder, ref.uri);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new RatchetError('E_NOT_FOUND', `The rows ${ref.uri} are gone from the data folder.`, {
      hint: 'Restore the data folder, or start the loop again with --fresh.',
      cause: error,
    });
  }
  const sha256 = createHash('sha256').update(text).digest('hex');
  if (sha256 !== ref.sha256) {
    throw new RatchetError('E_DATA_INVALID', `${ref.uri} was changed: its SHA-256 is ${sha256}, not ${ref.sha256}.`, {
      hint: 'Files in the data folder are written by Ratchet alone; restore it from a copy.',
    });
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
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
