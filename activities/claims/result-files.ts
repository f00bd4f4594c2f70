import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveInside } from '../artifacts.js';

/** Writes a value as JSON, whole or not at all. */
export async function writeState(dataFolder: string, uri: string, value: unknown): Promise<void> {
  const target = resolveInside(dataFolder, uri);
  const temporary = `${target}.${process.pid}.tmp`;
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { flush: true });
  await rename(temporary, target);
}

/** The value of {@link writeState}; null when there is none. */
export async function readState<T>(dataFolder: string, uri: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(resolveInside(dataFolder, uri), 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
