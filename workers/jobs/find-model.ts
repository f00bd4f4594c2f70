import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveModel } from '../../engine/registry/index.js';
import type { JobContext } from './messages.js';

/**
 * The folder of a model: one below the working directory, one that ships with Ratchet, or a download.
 *
 * @throws RatchetError `E_MODEL_MISSING`, `E_MODEL_INVALID`, `E_DISK_FULL`
 */
export async function findModel(name: string, cacheFolder: string, { emit, signal }: JobContext): Promise<string> {
  const shipped = path.join(packageRoot(), name);
  const local = [path.resolve(name), shipped].find((folder) => existsSync(path.join(folder, 'config.json')));
  return (
    local ??
    resolveModel(name, {
      cacheFolder,
      signal,
      onProgress: (file, done, size) => emit({ event: 'download', file, done, size }),
    })
  );
}

function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}
