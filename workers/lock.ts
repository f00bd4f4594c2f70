import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RatchetError } from '../config/errors.js';
import { isAlive, processStart } from './process-identity.js';

/** Who holds a lock. `start` tells a process from a later one with the same pid. */
export interface LockHolder {
  pid: number;
  start: string;
  /** ISO 8601, UTC. */
  startedAt: string;
}

/** What the supervisor of a data folder tells others about itself. */
export interface SupervisorHolder extends LockHolder {
  /** Empty until Temporal answers. */
  address: string;
  uiUrl: string | null;
  port: number;
  uiPort: number;
  /** Database file of our own server; empty when Temporal runs elsewhere. */
  db: string;
  /** Our own server; its pid changes when it is restarted. */
  server: { pid: number; start: string } | null;
  /** True once every worker polls. */
  ready: boolean;
  processes: { name: string; pid: number; restarts: number }[];
}

export interface Lock<Holder extends LockHolder> {
  readonly file: string;
  /** Changes what others read; the file is replaced atomically, or stays as it was when the disk is full. */
  update(changes: Partial<Omit<Holder, keyof LockHolder>>): void;
  release(): void;
}

export type LockAttempt<Holder extends LockHolder> =
  | { acquired: true; lock: Lock<Holder>; /** Left by a holder that died. */ stale: Holder | null }
  | { acquired: false; holder: Holder };

/** Lock file of a data folder's supervisor. */
export function supervisorLockFile(dataFolder: string): string {
  return path.join(dataFolder, 'run', 'supervisor.lock');
}

/**
 * Takes a lock file, or says who holds it. The file appears complete (written aside, then linked), and one left by a
 * process that no longer runs is taken over.
 *
 * Throws E_DATA_FOLDER when the folder cannot be written.
 */
export function acquireLock<Holder extends LockHolder>(
  file: string,
  details: Omit<Holder, keyof LockHolder>,
): LockAttempt<Holder> {
  const holder = {
    pid: process.pid,
    start: processStart(process.pid) ?? '',
    startedAt: new Date().toISOString(),
    ...details,
  } as unknown as Holder;
  let stale: Holder | null = null;
  for (;;) {
    if (createLock(file, holder)) return { acquired: true, lock: held(file, holder), stale };
    const present = readLock<Holder>(file);
    if (present === null) {
      removeStale(file, null);
      continue;
    }
    if (isAlive(present.pid, present.start)) return { acquired: false, holder: present };
    if (removeStale(file, present)) stale = present;
  }
}

/** The holder that a lock file names, alive or not; null without a readable file. */
export function readLock<Holder extends LockHolder>(file: string): Holder | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

/** The living holder of a lock file, or null. */
export function lockHolder<Holder extends LockHolder>(file: string): Holder | null {
  const holder = readLock<Holder>(file);
  return holder !== null && isAlive(holder.pid, holder.start) ? holder : null;
}

function createLock(file: string, holder: LockHolder): boolean {
  const temporary = `${file}.${process.pid}.new`;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(temporary, JSON.stringify(holder));
    return linkUnlessPresent(temporary, file);
  } catch (error) {
    throw new RatchetError('E_DATA_FOLDER', `The lock ${file} cannot be written: ${(error as Error).message}.`, {
      hint: 'Check that the data folder exists on a disk with free space and that you may write to it, or choose another with --data.',
      cause: error,
    });
  } finally {
    removeQuietly(temporary);
  }
}

function linkUnlessPresent(existing: string, file: string): boolean {
  try {
    linkSync(existing, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // What cannot be written cannot be removed either; the write has reported it.
  }
}

/**
 * Moves a dead holder's file (or, with null, one that says nothing) away; false, and no change, when another process has
 * replaced it in between.
 */
function removeStale(file: string, dead: LockHolder | null): boolean {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch {
    return false;
  }
  const moved = readLock(aside);
  const same = moved?.pid === dead?.pid && moved?.start === dead?.start;
  // Put back what was not meant, unless a third process holds the lock by now.
  if (!same) linkUnlessPresent(aside, file);
  removeQuietly(aside);
  return same;
}

function held<Holder extends LockHolder>(file: string, initial: Holder): Lock<Holder> {
  let holder = initial;
  const isOurs = () => {
    const present = readLock(file);
    return present?.pid === holder.pid && present.start === holder.start;
  };
  return {
    file,
    update(changes) {
      holder = { ...holder, ...changes };
      if (!isOurs()) return;
      try {
        writeFileSync(`${file}.tmp`, JSON.stringify(holder));
        renameSync(`${file}.tmp`, file);
      } catch {
        removeQuietly(`${file}.tmp`);
      }
    },
    release() {
      if (isOurs()) removeQuietly(file);
    },
  };
}
