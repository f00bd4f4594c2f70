import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Info } from '@temporalio/activity';
import { RatchetError } from '../config/errors.js';

/** Which attempt of which activity writes to a folder. */
export interface FenceHolder {
  /** The same for all attempts of one activity: workflow, run and activity id. */
  activity: string;
  /** 1, 2, … as Temporal counts. */
  attempt: number;
}

/** The attempt that runs here. */
export function currentHolder({ workflowExecution, activityId, attempt }: Info): FenceHolder {
  return { activity: `${workflowExecution?.workflowId} ${workflowExecution?.runId} ${activityId}`, attempt };
}

export interface Fence {
  /** Counts up with every taking-over of the folder. */
  token: number;
  /**
   * Resolves while nobody else has claimed the folder since.
   * @throws RatchetError `E_LOCKED` once somebody has
   */
  check(): Promise<void>;
}

const NAME = /^fence-(\d{8})\.json$/;

/**
 * Claims a folder for one attempt of an activity, and takes it from whoever had it: a worker that slept through its
 * heartbeat timeout finds a larger token than its own when it wakes up, and must not write (Lamport's fencing tokens, as
 * in Kleppmann, "How to do distributed locking", 2016). A token is a file that only one process can create.
 *
 * What lies between a check and the rename behind it cannot be fenced off on a file system; there, two attempts at the
 * same step write the same bits, because a run is a function of its plan.
 *
 * @throws RatchetError `E_LOCKED` when a later attempt of the same activity holds the folder
 */
export async function claimFence(folder: string, holder: FenceHolder): Promise<Fence> {
  await mkdir(folder, { recursive: true });
  for (;;) {
    const newest = await newestToken(folder);
    const present = newest === 0 ? null : await readHolder(folder, newest);
    if (present?.activity === holder.activity && present.attempt > holder.attempt)
      throw replaced(folder, holder, present);
    const token = newest + 1;
    if (!(await createToken(folder, token, holder))) continue;
    return {
      token,
      async check() {
        const current = await newestToken(folder);
        if (current !== token) throw replaced(folder, holder, await readHolder(folder, current));
      },
    };
  }
}

const tokenFile = (folder: string, token: number) => path.join(folder, `fence-${String(token).padStart(8, '0')}.json`);

async function newestToken(folder: string): Promise<number> {
  const tokens = (await readdir(folder)).map((name) => Number(NAME.exec(name)?.[1] ?? 0));
  return Math.max(0, ...tokens);
}

/** Null for a token whose file a crash left empty: it counts, but nobody is known to hold it. */
async function readHolder(folder: string, token: number): Promise<FenceHolder | null> {
  try {
    return JSON.parse(await readFile(tokenFile(folder, token), 'utf8')) as FenceHolder;
  } catch {
    return null;
  }
}

async function createToken(folder: string, token: number, holder: FenceHolder): Promise<boolean> {
  try {
    await writeFile(tokenFile(folder, token), `${JSON.stringify(holder)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function replaced(folder: string, holder: FenceHolder, by: FenceHolder | null): RatchetError {
  const who = by === null ? 'another attempt' : `attempt ${by.attempt}`;
  return new RatchetError(
    'E_LOCKED',
    `Attempt ${holder.attempt} was replaced by ${who}; it no longer writes to ${folder}.`,
    {
      hint: 'Nothing to do: the later attempt goes on from the newest checkpoint.',
      retryable: false,
    },
  );
}
