import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { RatchetError } from '../../config/errors.js';
import { diskError } from '../formats/disk-error.js';
import type { HubFile } from './hub-files.js';

export interface DownloadOptions {
  /** Sent as a bearer token; for repositories that want an account. */
  token?: string;
  signal?: AbortSignal;
  /** Bytes of the file that are on the disk. */
  onProgress?: (file: string, bytes: number, size: number) => void;
  /** Attempts without a new byte before giving up, 5 when left out. */
  attempts?: number;
  /** Milliseconds before the second attempt, doubled for each further one; 500 when left out. */
  pause?: number;
}

const unreachable = (url: string, cause: unknown, why?: string) =>
  new RatchetError('E_MODEL_MISSING', `${url} cannot be reached${why ? ` (${why})` : ''}.`, {
    hint: 'Check the network, or download the model elsewhere and give its folder instead of its name.',
    cause,
  });

/** Turns the hub's refusals into faults; returns an answer that can be read. */
export async function request(url: string, init: RequestInit & { token?: string }): Promise<Response> {
  const { token, ...rest } = init;
  const headers = new Headers(rest.headers);
  // The checksums are those of the bytes as they are.
  headers.set('accept-encoding', 'identity');
  if (token) headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(url, { ...rest, headers, redirect: 'follow' });
  } catch (error) {
    if (init.signal?.aborted) throw init.signal.reason;
    const cause = (error as Error).cause as { code?: string; message?: string } | undefined;
    throw unreachable(url, error, cause?.code ?? cause?.message);
  }
  const { status } = response;
  if (status === 200 || status === 206 || status === 416) return response;
  await response.body?.cancel();
  if (status === 401 || status === 403)
    throw new RatchetError('E_MODEL_MISSING', `${url} is refused without an account (HTTP ${status}).`, {
      hint: "Accept the model's licence on the hub and give an access token, or use a model without a gate.",
      retryable: false,
    });
  if (status === 404)
    throw new RatchetError('E_MODEL_MISSING', `${url} does not exist.`, {
      hint: "Check the model's name and revision.",
      retryable: false,
    });
  throw unreachable(url, undefined, `HTTP ${status}`);
}

/**
 * Downloads one file of a known size and checksum to `path`, which appears whole and checked or not at all. What an
 * earlier attempt left in `path.partial` is kept and continued (`Range`); a stream that is cut is taken up again. Processes
 * that download the same file at once help each other: each adds only what the partial file lacks.
 *
 * @throws RatchetError `E_MODEL_MISSING` when the server cannot be reached or has no such file, `E_MODEL_INVALID` when
 *   the bytes are not those that were promised (they are then removed), `E_DISK_FULL`, `E_DATA_FOLDER`
 */
export async function downloadFile(
  url: string,
  path: string,
  file: HubFile,
  options: DownloadOptions = {},
): Promise<void> {
  const partial = `${path}.partial`;
  const attempts = options.attempts ?? 5;
  try {
    // Longer than the file can be: of another version.
    if ((await sizeOf(partial)) > file.size) await rm(partial, { force: true });
    for (let failures = 0, size = await sizeOf(partial); size < file.size;) {
      const before = size;
      try {
        await append(url, partial, size, file, options);
        break;
      } catch (error) {
        if (!(error instanceof CutStream) && !(error instanceof RatchetError && error.retryable)) throw error;
        size = await sizeOf(partial);
        failures = size > before ? 0 : failures + 1;
        if (failures >= attempts) throw error instanceof CutStream ? unreachable(url, error, error.message) : error;
        await setTimeout((options.pause ?? 500) * 2 ** failures, undefined, { signal: options.signal });
      }
    }
    if (file.size === 0) await (await open(partial, 'w')).close();
    // What counts is the file itself: others may have written to it.
    const found = await checksum(partial, file);
    const promised = file.sha256 ?? file.blob;
    if (found !== promised) {
      await rm(partial, { force: true });
      throw new RatchetError('E_MODEL_INVALID', `${url}: its checksum is ${found}, the hub promised ${promised}.`, {
        hint: 'The download was damaged on its way and has been removed: start it again.',
      });
    }
    await rename(partial, path);
  } catch (error) {
    // Another process was done first: it checked the file, too.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && (await sizeOf(path, -1)) === file.size) return;
    throw diskError(error, `writing ${path}`);
  }
}

/** The connection ended early. */
class CutStream extends Error {
  constructor(cause?: unknown) {
    super('the connection was cut', { cause });
  }
}

const sizeOf = async (path: string, missing = 0): Promise<number> =>
  (await stat(path).catch(() => null))?.size ?? missing;

/** SHA-256 of the file, or git's hash of it where the hub has only that. */
async function checksum(path: string, { sha256, size }: HubFile): Promise<string> {
  const hash = sha256 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Asks for the bytes from `start` on and writes those that the file lacks. */
async function append(
  url: string,
  path: string,
  start: number,
  file: HubFile,
  { token, signal, onProgress }: DownloadOptions,
): Promise<void> {
  const response = await request(url, { token, signal, headers: start > 0 ? { range: `bytes=${start}-` } : {} });
  // A server without ranges sends everything again: what is here already is skipped.
  let place = response.status === 200 ? 0 : start;
  if (place > 0 && !response.headers.get('content-range')?.startsWith(`bytes ${start}-`)) {
    await response.body?.cancel();
    throw new RatchetError('E_MODEL_INVALID', `${url}: the server answered with another range than was asked for.`, {
      hint: 'Download the model by hand and give its folder.',
    });
  }
  // Not "append": two processes that have the same bytes write them to the same place.
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT);
  try {
    for await (const part of response.body ?? []) {
      const chunk = part as Uint8Array;
      if (place + chunk.length > file.size)
        throw new RatchetError(
          'E_MODEL_INVALID',
          `${url}: the server sends more than the promised ${file.size} bytes.`,
          {
            hint: 'Download the model by hand and give its folder.',
          },
        );
      // Once another process has completed the file and given it its name, nothing is written to it any more.
      const { size } = await handle.stat();
      // Another process found the file damaged and removed it.
      if (size < place) throw new CutStream();
      for (let done = Math.max(0, size - place); done < chunk.length;) {
        const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, place + done);
        done += bytesWritten;
      }
      place += chunk.length;
      onProgress?.(file.name, Math.max(size, place), file.size);
    }
    await handle.sync();
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof RatchetError || (error as NodeJS.ErrnoException).syscall === 'write') throw error;
    throw new CutStream(error);
  } finally {
    await handle.close();
  }
  if (place < file.size) throw new CutStream();
}
