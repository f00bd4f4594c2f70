import path from 'node:path';
import { RatchetError } from '../config/errors.js';
import { acquireLock, type Lock, type LockHolder } from './lock.js';

/**
 * Holds the device of a data folder: two gpu workers never train into the same checkpoints. Waits for a holder that is
 * still saving; throws E_LOCKED when it has not let go within the given time.
 */
export async function holdDevice(dataFolder: string, waitMilliseconds: number): Promise<Lock<LockHolder>> {
  const file = path.join(dataFolder, 'run', 'device-0.lock');
  const deadline = Date.now() + waitMilliseconds;
  for (;;) {
    const attempt = acquireLock<LockHolder>(file, {});
    if (attempt.acquired) return attempt.lock;
    if (Date.now() > deadline) {
      throw new RatchetError(
        'E_LOCKED',
        `The device is held by process ${attempt.holder.pid} since ${attempt.holder.startedAt}.`,
        {
          hint: `Stop that gpu worker (kill ${attempt.holder.pid}); the next one takes over by itself.`,
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
