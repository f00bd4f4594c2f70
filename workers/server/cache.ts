import { homedir } from 'node:os';
import path from 'node:path';

/** Name of the Temporal command line on this platform. */
export const BINARY_NAME = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/**
 * Folder of what Ratchet fetches once a machine: the configured one, else `RATCHET_CACHE`, else `ratchet` in the user's
 * cache folder.
 */
export function cacheFolder(configured: string, env: NodeJS.ProcessEnv = process.env): string {
  if (configured !== '') return path.resolve(configured);
  if (env.RATCHET_CACHE) return path.resolve(env.RATCHET_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'ratchet');
}

/** Where a fetched server is kept. */
export function cachedBinary(cache: string): string {
  return path.join(cache, 'bin', BINARY_NAME);
}
