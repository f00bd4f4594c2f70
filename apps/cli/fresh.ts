import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { confirm, isCancel } from '@clack/prompts';
import { RatchetError } from '../../config/errors.js';
import { lockHolder, supervisorLockFile } from '../../workers/lock.js';

/**
 * What a loop leaves in a data folder, its mark last: an emptying that was cut short can be given again. Whatever else
 * lies there stays, the downloaded models as well.
 */
const OURS = ['logs', 'loops', 'temporal', 'ratchet.duckdb.wal', 'ratchet.duckdb'];
/** What only a data folder has: the names above may also be those of somebody's own folders. */
const MARKS = ['ratchet.duckdb', 'run/config.json', 'run/supervisor.lock'];

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
 * has confirmed that, E_DATA_FOLDER when it is not a data folder but has folders that are named like ours, or when
 * something cannot be removed.
 */
export async function emptyDataFolder(dataFolder: string, options: FreshOptions): Promise<void> {
  const holder = lockHolder(supervisorLockFile(dataFolder));
  if (holder !== null) {
    throw new RatchetError('E_LOCKED', `Process ${holder.pid} runs on ${dataFolder}; it cannot be emptied.`, {
      hint: `Stop it first (Ctrl-C in its terminal, or kill ${holder.pid}), or use another folder with --data.`,
    });
  }
  refuseForeign(dataFolder);
  const others = otherLoops(dataFolder, options.loop);
  if (others.length > 0 && !options.yes) await askAbout(others, dataFolder, options.interactive);
  // A lock that a killed supervisor left names the server it left: the next start ends that one.
  const run = path.join(dataFolder, 'run');
  const lock = supervisorLockFile(dataFolder);
  const inRun = existsSync(run) ? readdirSync(run).map((name) => path.join(run, name)) : [];
  const ours = [...inRun.filter((file) => file !== lock), ...OURS.map((name) => path.join(dataFolder, name))];
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

function refuseForeign(dataFolder: string): void {
  const isThere = (name: string) => existsSync(path.join(dataFolder, name));
  const alike = OURS.filter(isThere);
  if (alike.length === 0 || MARKS.some(isThere)) return;
  throw new RatchetError(
    'E_DATA_FOLDER',
    `${dataFolder} holds ${alike.join(', ')}, but nothing says that Ratchet wrote them; --fresh removes nothing there.`,
    { hint: `Use another folder with --data; or remove ${alike.join(', ')} yourself, if they are Ratchet's.` },
  );
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
