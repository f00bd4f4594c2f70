import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { BINARY_NAME, cachedBinary } from './cache.js';
import { runCommand } from './process-output.js';
import { serverVersion } from './version.js';

/**
 * Builds the command line from source into the cache; some minutes on two cores, so progress comes every second.
 *
 * Throws E_SERVER_UNAVAILABLE when Go is missing or the build fails, with the last lines of what it said.
 */
export async function goInstallServer(options: {
  version: string;
  cache: string;
  onProgress(message: string): void;
}): Promise<string> {
  const { version, cache, onProgress } = options;
  const folder = path.join(cache, 'bin');
  await mkdir(folder, { recursive: true });
  const temporary = await mkdtemp(path.join(folder, '.go-install-'));
  const started = Date.now();
  let latest = 'starting';
  const ticker = setInterval(() => {
    const seconds = Math.round((Date.now() - started) / 1000);
    onProgress(`building the Temporal server with Go (once, about 3 minutes): ${seconds} s, ${latest}`);
  }, 1000);
  try {
    const source = `github.com/temporalio/cli/cmd/temporal@v${version}`;
    const { code, stderr } = await runCommand('go', ['install', '-ldflags', '-s -w', source], {
      // Without cgo, as Temporal builds its releases.
      env: { ...process.env, GOBIN: temporary, CGO_ENABLED: '0' },
      onLine: (line) => (latest = line.slice(0, 100)),
    });
    if (code !== 0)
      throw failed(`go install ${source} ended with ${code}: ${stderr.trim().split('\n').slice(-3).join(' ')}`);
    const binary = path.join(temporary, BINARY_NAME);
    if ((await serverVersion(binary)) === null) throw failed('the Temporal command line that Go built does not run');
    await rename(binary, cachedBinary(cache));
    return cachedBinary(cache);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw failed('there is no `go` on PATH', error);
    throw error;
  } finally {
    clearInterval(ticker);
    await rm(temporary, { recursive: true, force: true });
  }
}

function failed(message: string, cause?: unknown): RatchetError {
  return new RatchetError('E_SERVER_UNAVAILABLE', `Building the Temporal server failed: ${message}.`, { cause });
}
