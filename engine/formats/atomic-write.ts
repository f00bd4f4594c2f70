import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { diskError } from './disk-error.js';

/** Largest single write; Linux writes at most 2 GiB at once. */
const LARGEST_WRITE = 1 << 30;
const DAY = 86_400_000;

/** Makes a folder's entries (a rename, a new file) durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes the chunks one after the other to a new file and flushes them to the disk. */
export async function writeSynced(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const handle = await open(path, 'w');
  try {
    for (const chunk of chunks) {
      let at = 0;
      while (at < chunk.byteLength) {
        const { bytesWritten } = await handle.write(chunk, at, Math.min(LARGEST_WRITE, chunk.byteLength - at));
        at += bytesWritten;
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name beside a folder that is written there and then renamed. A pid would not do: processes in containers have the same ones. */
export function temporaryFolder(folder: string): string {
  return `${folder.replace(/\/+$/, '')}.tmp-${randomUUID()}`;
}

/**
 * Removes what killed processes have left in a folder under names that begin with `start`; what is younger than a day may
 * still be written.
 */
export async function removeLeftovers(folder: string, start: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start)) continue;
    const left = join(folder, name);
    const found = await stat(left).catch(() => null);
    if (found !== null && found.mtimeMs < Date.now() - DAY) await rm(left, { recursive: true, force: true });
  }
}

/**
 * Writes a folder that appears whole or not at all, in place of what was there: `fill` writes into a temporary folder beside
 * it, which is renamed and made durable.
 *
 * @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER`; what `fill` throws
 */
export async function writeFolderAtomic<T>(folder: string, fill: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = temporaryFolder(folder);
  try {
    await removeLeftovers(dirname(folder), `${basename(folder)}.tmp-`);
    await mkdir(temporary, { recursive: true });
    const result = await fill(temporary);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    await syncFolder(dirname(folder));
    return result;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw diskError(error, `writing ${folder}`);
  }
}

/**
 * Writes a file so that a reader, at any moment and after any crash, sees the old bytes or the new ones: a temporary
 * file beside it, fsync, rename, fsync of the folder. The folder is created if missing.
 *
 * @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER`
 */
export async function writeAtomic(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    try {
      await writeSynced(temporary, chunks);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await syncFolder(folder);
  } catch (error) {
    throw diskError(error, `writing ${path}`);
  }
}
