import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { Readable } from 'node:stream';
import { RatchetError } from '../../config/errors.js';
import { cachedBinary } from './cache.js';
import { runCommand } from './process-output.js';
import { serverVersion } from './version.js';

const PLATFORMS: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };
const CONNECT_TIMEOUT = 10_000;
const DOWNLOAD_TIMEOUT = 10 * 60_000;
/** A real archive has some 40 MB; a captive portal's page does not. */
const SMALLEST_ARCHIVE = 5_000_000;

/**
 * Fetches the official command line from temporal.download into the cache, as the SDK's testing package does.
 *
 * Throws E_SERVER_UNAVAILABLE without internet (at once), when the transfer is cut short, or when what came does not run.
 */
export async function downloadServer(options: {
  version: string;
  cache: string;
  onProgress(message: string): void;
  baseUrl?: string;
}): Promise<string> {
  const { version, cache, onProgress, baseUrl = 'https://temporal.download' } = options;
  const platform = PLATFORMS[process.platform];
  const architecture = ARCHITECTURES[process.arch];
  if (platform === undefined || architecture === undefined)
    throw unavailable(`there is no Temporal download for ${process.platform}/${process.arch}`);

  const folder = path.join(cache, 'bin');
  await mkdir(folder, { recursive: true });
  const temporary = await mkdtemp(path.join(folder, '.download-'));
  try {
    const query = new URLSearchParams({ arch: architecture, platform, format: 'tar.gz' });
    const answer = await request(`${baseUrl}/cli/v${version}?${query}`, CONNECT_TIMEOUT);
    const { archiveUrl, fileToExtract } = (await answer.json()) as { archiveUrl: string; fileToExtract: string };
    const archive = path.join(temporary, 'archive.tar.gz');
    await save(await request(archiveUrl, DOWNLOAD_TIMEOUT), archive, onProgress);
    const { code, stderr } = await runCommand('tar', ['-xzf', archive, '-C', temporary, fileToExtract]);
    if (code !== 0) throw unavailable(`the downloaded archive cannot be unpacked: ${stderr.trim()}`);
    const binary = path.join(temporary, fileToExtract);
    await chmod(binary, 0o755);
    if ((await serverVersion(binary)) === null) throw unavailable('the downloaded Temporal command line does not run');
    await rename(binary, cachedBinary(cache));
    return cachedBinary(cache);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function request(url: string, timeout: number): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(timeout) });
  } catch (error) {
    const cause = (error as Error).cause;
    const reason = cause instanceof Error ? cause.message : (error as Error).message;
    throw unavailable(`${new URL(url).host} cannot be reached (${reason})`, error);
  }
  if (!response.ok) throw unavailable(`${new URL(url).host} answered ${response.status} ${response.statusText}`);
  return response;
}

async function save(response: Response, file: string, onProgress: (message: string) => void): Promise<void> {
  const total = Number(response.headers.get('content-length') ?? 0);
  let received = 0;
  let reported = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      if (received - reported > 4_000_000) {
        reported = received;
        onProgress(
          `downloading the Temporal server: ${megabytes(received)}${total > 0 ? ` of ${megabytes(total)}` : ''}`,
        );
      }
      done(null, chunk);
    },
  });
  if (response.body === null) throw unavailable('the download is empty');
  await pipeline(Readable.fromWeb(response.body as ReadableStream), count, createWriteStream(file));
  if (total > 0 && received !== total) throw unavailable(`the download ended after ${received} of ${total} bytes`);
  if (received < SMALLEST_ARCHIVE) throw unavailable(`the download has ${received} bytes only: it is not the server`);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function unavailable(message: string, cause?: unknown): RatchetError {
  return new RatchetError('E_SERVER_UNAVAILABLE', `Download of the Temporal server failed: ${message}.`, { cause });
}
