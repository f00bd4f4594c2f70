import { mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RatchetError } from '../config/errors.js';
import { acquireLock, type Lock, type LockHolder } from './lock.js';

/**
 * Holds one of the devices of a data folder, the first that is free: as many gpu workers as there are devices, never two on
 * one. Waits for a holder that is still saving; throws E_LOCKED when none has let go within the given time.
 *
 * @returns the lock, and the device's number from 0
 */
export async function holdDevice(
  dataFolder: string,
  waitMilliseconds: number,
  devices = 1,
): Promise<{ lock: Lock<LockHolder>; device: number }> {
  const files = Array.from({ length: devices }, (_, device) => path.join(dataFolder, 'run', `device-${device}.lock`));
  const lock = await hold(files, waitMilliseconds, ({ pid, startedAt }) => ({
    message: `${devices === 1 ? 'The device is' : `All ${devices} devices are held; the first is`} held by process ${pid} since ${startedAt}.`,
    hint: `Stop that gpu worker (kill ${pid}); the next one takes over by itself.`,
  }));
  return { lock, device: files.indexOf(lock.file) };
}

/**
 * Holds a GPU for this process, whatever its data folder: two trainings would run each other out of memory. The cpu is
 * shared and needs no lock.
 *
 * @param gpu its number, or the list that CUDA_VISIBLE_DEVICES names
 * @param folder where locks lie that the whole machine sees
 * @throws RatchetError `E_LOCKED` when another process has not let go within the given time
 */
export function holdGpu(gpu: string, waitMilliseconds: number, folder = machineFolder()): Promise<Lock<LockHolder>> {
  return hold([path.join(folder, `gpu-${gpu}.lock`)], waitMilliseconds, ({ pid, startedAt }) => ({
    message: `GPU ${gpu} is held by process ${pid} since ${startedAt}.`,
    hint: `Wait for it, stop it (kill ${pid}), or train on the cpu.`,
  }));
}

/** One folder for all users and data folders of the machine; everybody may add a lock, as in the temporary folder itself. */
function machineFolder(): string {
  const folder = path.join(tmpdir(), 'ratchet-devices');
  mkdirSync(folder, { recursive: true, mode: 0o1777 });
  if (!statSync(folder).isDirectory()) throw new RatchetError('E_DATA_FOLDER', `${folder} is no folder.`);
  return folder;
}

async function hold(
  files: readonly string[],
  waitMilliseconds: number,
  describe: (holder: LockHolder) => { message: string; hint: string },
): Promise<Lock<LockHolder>> {
  const deadline = Date.now() + waitMilliseconds;
  for (;;) {
    let holder: LockHolder | undefined;
    for (const file of files) {
      const attempt = acquireLock<LockHolder>(file, {});
      if (attempt.acquired) return attempt.lock;
      holder ??= attempt.holder;
    }
    if (Date.now() > deadline) {
      const { message, hint } = describe(holder!);
      throw new RatchetError('E_LOCKED', message, { hint });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
