import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { confirm, isCancel } from '@clack/prompts';
import { RatchetError } from '../../config/errors.js';
import { lockHolder, supervisorLockFile } from '../../workers/lock.js';

/** Everything Ratchet writes into a data folder; whatever else lies there is not ours and stays. */
const OURS = ['logs', 'loops', 'models', 'temporal', 'ratchet.duckdb', 'ratchet.duckdb.wal'];

export interface FreshOptions {
  /** Loop that is started over; other loops in the folder are only removed when that is confirmed. */
  loop: string;
  /** Confirmed already. */
  yes: boolean;
  /** Someone can be asked. */
  interactive: boolean;
}

/**
 * Empties a data folder. Throws E_LOCKED while a process runs on it, E_USAGE when other loops would be lost and nobody
 * has confirmed that, E_DATA_FOLDER when something cannot be removed.
 */
export async function emptyDataFolder(dataFolder: string, options: FreshOptions): Promise<void> {
  const holder = lockHolder(supervisorLockFile(dataFolder));
  if (holder !== null) {
    throw new RatchetError('E_LOCKED', `Process ${holder.pid} runs on ${dataFolder}; it cannot be emptied.`, {
      hint: `Stop it first (Ctrl-C in its terminal, or kill ${holder.pid}), or use another folder with --data.`,
    });
  }
  const others = otherLoops(dataFolder, options.loop);
  if (others.length > 0 && !options.yes) await askAbout(others, dataFolder, options.interactive);
  // A lock that a killed supervisor left names the server it left: the next start ends that one.
  const run = path.join(dataFolder, 'run');
  const lock = supervisorLockFile(dataFolder);
  const inRun = existsSync(run) ? readdirSync(run).map((name) => path.join(run, name)) : [];
  const ours = [...OURS.map((name) => path.join(dataFolder, name)), ...inRun.filter((file) => file !== lock)];
  for (const file of ours) {
    try {
      rmSync(file, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      throw new RatchetError('E_DATA_FOLDER', `${file} cannot be removed: ${(error as Error).message}.`, {
        hint: 'Mend its permissions, or use another folder with --data.',
        cause: error,
      });
    }
  }
}

/** Loops in the data folder besides this one, sorted. */
export function otherLoops(dataFolder: string, loop: string): string[] {
  const folder = path.join(dataFolder, 'loops');
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name !== loop)
        .sort()
    : [];
}

async function askAbout(others: string[], dataFolder: string, interactive: boolean): Promise<void> {
  const what = others.length === 1 ? `the loop ${others[0]}` : `the loops ${others.join(', ')}`;
  if (interactive) {
    const answer = await confirm({
      message: `${dataFolder} also holds ${what}. Remove everything?`,
      initialValue: false,
    });
    if (!isCancel(answer) && answer) return;
  }
  throw new RatchetError('E_USAGE', `--fresh would also remove ${what} from ${dataFolder}.`, {
    hint: 'Give --yes to remove everything, or use another folder with --data.',
  });
}
