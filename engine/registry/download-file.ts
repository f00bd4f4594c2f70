import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
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
 * earlier attempt left in `path.partial` is kept and continued (`Range`); a stream that is cut is taken up again.
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
  const hash = file.sha256 ? createHash('sha256') : createHash('sha1').update(`blob ${file.size}\0`);
  try {
    let size = await hashed(partial, hash, file.size);
    if (size === null) {
      // Longer than the file can be: of another version.
      await rm(partial);
      return await downloadFile(url, path, file, options);
    }
    for (let failures = 0; size < file.size;) {
      const before = size;
      try {
        size = await append(url, partial, size, file, hash, options);
      } catch (error) {
        if (!(error instanceof CutStream) && !(error instanceof RatchetError && error.retryable)) throw error;
        if (error instanceof CutStream) size = error.size;
        failures = size > before ? 0 : failures + 1;
        if (failures >= attempts) throw error instanceof CutStream ? unreachable(url, error, error.message) : error;
        await setTimeout((options.pause ?? 500) * 2 ** failures, undefined, { signal: options.signal });
      }
    }
    const found = hash.digest('hex');
    const promised = file.sha256 ?? file.blob;
    if (found !== promised) {
      await rm(partial, { force: true });
      throw new RatchetError('E_MODEL_INVALID', `${url}: its checksum is ${found}, the hub promised ${promised}.`, {
        hint: 'The download was damaged on its way and has been removed: start it again.',
      });
    }
    if (file.size === 0) await (await open(partial, 'w')).close();
    await rename(partial, path);
  } catch (error) {
    throw diskError(error, `writing ${path}`);
  }
}

/** The connection ended early; `size` bytes are on the disk. */
class CutStream extends Error {
  constructor(
    readonly size: number,
    cause: unknown,
  ) {
    super('the connection was cut', { cause });
  }
}

/** Adds the bytes of an earlier attempt to the hash; their number, or null when they are too many. */
async function hashed(path: string, hash: Hash, largest: number): Promise<number | null> {
  const status = await stat(path).catch(() => null);
  if (!status) return 0;
  if (status.size > largest) return null;
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return status.size;
}

/** Asks for the bytes from `start` on and appends them; the file's size afterwards. */
async function append(
  url: string,
  path: string,
  start: number,
  file: HubFile,
  hash: Hash,
  { token, signal, onProgress }: DownloadOptions,
): Promise<number> {
  const response = await request(url, { token, signal, headers: start > 0 ? { range: `bytes=${start}-` } : {} });
  // A server without ranges sends everything again: what is here already is skipped, not kept twice.
  let skip = 0;
  if (start > 0 && response.status === 200) skip = start;
  else if (start > 0 && !response.headers.get('content-range')?.startsWith(`bytes ${start}-`)) {
    await response.body?.cancel();
    throw new RatchetError('E_MODEL_INVALID', `${url}: the server answered with another range than was asked for.`, {
      hint: 'Download the model by hand and give its folder.',
    });
  }
  const handle = await open(path, 'a');
  let size = start;
  try {
    for await (const part of response.body ?? []) {
      let chunk = part as Uint8Array;
      const skipped = Math.min(skip, chunk.length);
      skip -= skipped;
      chunk = chunk.subarray(skipped);
      if (size + chunk.length > file.size)
        throw new RatchetError(
          'E_MODEL_INVALID',
          `${url}: the server sends more than the promised ${file.size} bytes.`,
          {
            hint: 'Download the model by hand and give its folder.',
          },
        );
      if (chunk.length === 0) continue;
      await handle.appendFile(chunk);
      hash.update(chunk);
      size += chunk.length;
      onProgress?.(file.name, size, file.size);
    }
    await handle.sync();
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof RatchetError || (error as NodeJS.ErrnoException).syscall === 'write') throw error;
    throw new CutStream(size, error);
  } finally {
    await handle.close();
  }
  if (size < file.size) throw new CutStream(size, undefined);
  return size;
}
