import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import path from 'node:path';
import { bytes } from '../render/numbers.js';
import { check, guarded, type Check } from './check.js';

const GIGABYTE = 1e9;

/** Node's version against the floor of package.json. */
export function checkNode(version: string = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const good = major > 20 || (major === 20 && minor >= 19);
  return check(
    'Node',
    good ? 'ok' : 'fail',
    version,
    good ? null : 'Install Node 20.19 or newer (22 and 24 are supported).',
  );
}

export function checkCpu(): Check {
  const threads = availableParallelism();
  const model = cpus()[0]?.model.trim() || process.arch;
  const few = threads < 2;
  return check(
    'CPU',
    few ? 'warn' : 'ok',
    `${threads} threads, ${model}`,
    few ? 'Training shares its only core with the server.' : null,
  );
}

export function checkMemory(total: number = totalmem(), free: number = freemem()): Check {
  const small = total < 3.5 * GIGABYTE;
  return check(
    'memory',
    small ? 'warn' : 'ok',
    `${bytes(total)}, ${bytes(free)} free`,
    small ? 'Large models will not fit; lower loop.training.batchSize when training runs out of memory.' : null,
  );
}

/** Free space where the data folder is, or will be. */
export function checkDisk(dataFolder: string): Promise<Check> {
  return guarded('disk', 'Choose another folder with --data.', async () => {
    const { bavail, bsize } = await statfs(await existing(dataFolder));
    const free = bavail * bsize;
    const status = free < 0.5 * GIGABYTE ? 'fail' : free < 2 * GIGABYTE ? 'warn' : 'ok';
    return check(
      'disk',
      status,
      `${bytes(free)} free`,
      status === 'ok' ? null : 'Free some space, or choose another folder with --data.',
    );
  });
}

/** Whether the data folder can be written, or made. */
export async function checkDataFolder(dataFolder: string): Promise<Check> {
  const place = await existing(dataFolder);
  const writable = await access(place, constants.W_OK).then(
    () => true,
    () => false,
  );
  const made = place === dataFolder;
  if (!(await stat(place)).isDirectory())
    return check('data folder', 'fail', `${place} is no folder`, 'Choose another folder with --data.');
  if (writable) return check('data folder', 'ok', `${dataFolder}${made ? '' : ' (will be made)'}`);
  return check(
    'data folder',
    'fail',
    `${place} cannot be written`,
    'Mend its permissions, or choose another folder with --data.',
  );
}

/** The folder, or its nearest ancestor that is there. */
async function existing(folder: string): Promise<string> {
  for (let place = path.resolve(folder); ; place = path.dirname(place)) {
    const there = await access(place).then(
      () => true,
      () => false,
    );
    if (there || place === path.dirname(place)) return place;
  }
}
