import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { isRatchetError } from '../../../config/errors.js';
import type { RatchetConfig } from '../../../config/schema.js';
import { connectClient } from '../../../workers/connection.js';
import { lockHolder, supervisorLockFile, type SupervisorHolder } from '../../../workers/lock.js';
import { locateServer } from '../../../workers/server/locate.js';
import { packageRoot } from '../package-root.js';
import { check, guarded, type Check } from './check.js';

const run = promisify(execFile);

/** Which Temporal server would be taken; nothing is downloaded or started. */
export function checkServer(config: RatchetConfig, dataFolder: string): Promise<Check> {
  const name = 'Temporal server';
  return guarded(name, 'Run `npx ratchet up` and see what it says.', async () => {
    const holder = lockHolder<SupervisorHolder>(supervisorLockFile(dataFolder));
    if (holder?.ready) return check(name, 'ok', `process ${holder.pid} runs it on ${holder.address}`);
    const server = { ...config.server, allowDownload: false, allowGoInstall: false };
    try {
      const located = await locateServer({ config: { ...config, server } });
      if (located.kind !== 'address') return check(name, 'ok', `${located.version}, ${located.path}`);
      const client = await connectClient(config, located.address);
      await client.connection.close();
      return check(name, 'ok', `answers on ${located.address} (configured)`);
    } catch (error) {
      if (!isRatchetError(error) || error.code !== 'E_SERVER_UNAVAILABLE') throw error;
      if (config.connection.address !== '' || process.env.TEMPORAL_ADDRESS) {
        return check(name, 'fail', error.message, error.hint ?? null);
      }
    }
    const { version, allowDownload, allowGoInstall } = config.server;
    const go = allowGoInstall ? await firstLine('go', ['version']) : null;
    if (allowDownload) {
      return check(
        name,
        'ok',
        `the first start downloads ${version}${go === null ? '' : `, or builds it with Go (minutes)`}`,
      );
    }
    if (go !== null) return check(name, 'ok', `the first start builds ${version} with Go (minutes)`);
    return check(
      name,
      'fail',
      'none is installed and none may be fetched',
      'Install the Temporal command line (https://docs.temporal.io/cli), or set connection.address.',
    );
  });
}

export async function checkGpu(): Promise<Check> {
  const line = await firstLine('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader']);
  return line === null ? check('GPU', 'optional', 'none found; training runs on the CPU') : check('GPU', 'ok', line);
}

/** PyTorch is only what `npm run bench` compares with. */
export async function checkTorch(): Promise<Check> {
  const own = path.join(packageRoot(), '.venv', 'bin', 'python');
  const python = existsSync(own) ? own : 'python3';
  const line = await firstLine(python, ['-c', 'import torch; print(torch.__version__)']);
  return line === null
    ? check('PyTorch', 'optional', 'not installed; only `npm run bench` compares with it')
    : check('PyTorch', 'ok', line);
}

async function firstLine(program: string, args: string[]): Promise<string | null> {
  try {
    const { stdout } = await run(program, args, { timeout: 30_000 });
    return stdout.trim().split('\n')[0] || null;
  } catch {
    return null;
  }
}
