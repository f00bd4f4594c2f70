import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RatchetError } from '../../config/errors.js';

/** A file that lies in the data folder, ready to be imported by a worker. */
export interface StagedImport {
  name: string;
  /** Relative to the data folder. */
  uri: string;
  sha256: string;
}

/** Throws E_NOT_FOUND, E_DATA_INVALID or the system's fault where a file cannot be imported. */
export async function requireFile(file: string): Promise<void> {
  const found = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause;
    throw new RatchetError('E_NOT_FOUND', `There is no file ${file}.`, { hint: 'Check the path.', cause });
  });
  if (!found.isFile()) {
    throw new RatchetError('E_DATA_INVALID', `${file} is not a file.`, { hint: 'Name a .jsonl or .json file.' });
  }
  await access(file, constants.R_OK);
}

/** Copies a file into the data folder, where the workers read it. Throws E_DATA_FOLDER. */
export async function stageImport(dataFolder: string, loop: string, file: string): Promise<StagedImport> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return place(dataFolder, loop, path.basename(file), hash.digest('hex'), (target) => copyFile(file, target));
}

/** The same for a text. */
export function stageText(dataFolder: string, loop: string, name: string, text: string): Promise<StagedImport> {
  const sha256 = createHash('sha256').update(text).digest('hex');
  return place(dataFolder, loop, name, sha256, (target) => writeFile(target, text));
}

async function place(
  dataFolder: string,
  loop: string,
  name: string,
  sha256: string,
  write: (target: string) => Promise<void>,
): Promise<StagedImport> {
  const uri = `loops/${loop}/imports/${sha256.slice(0, 16)}/${name}`;
  const target = path.join(dataFolder, uri);
  // Of its own: the same file may be imported twice at once.
  const temporary = `${target}.${randomUUID()}.tmp`;
  try {
    await mkdir(path.dirname(target), { recursive: true });
    await write(temporary);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new RatchetError('E_DATA_FOLDER', `${target} cannot be written: ${(error as Error).message}.`, {
      hint: 'Check the permissions and the free space of the data folder.',
      cause: error,
    });
  }
  return { name, uri, sha256 };
}
