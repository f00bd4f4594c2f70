import { dirname } from 'node:path';
import { isRatchetError, RatchetError } from '../config/errors.js';

/** Turns what DuckDB or the file system throws into an error that says what to do. Ratchet's own errors, and those of a caller's code inside a transaction, pass unchanged. */
export function storeError(error: unknown, path: string): unknown {
  if (isRatchetError(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  const holder = /Conflicting lock is held in (.+?) \(PID (\d+)\)/.exec(text);
  if (holder !== null || /Could not set lock on file/.test(text))
    return lockedError(path, holder === null ? null : { program: holder[1] ?? '', pid: Number(holder[2]) }, error);
  if (
    /No space left on device|ENOSPC|EDQUOT|Disk quota exceeded|File too large|EFBIG|Could not write all bytes/i.test(
      text,
    )
  )
    return new RatchetError('E_DISK_FULL', `no space left for the database ${path}`, {
      hint: `Free space on the disk of ${dirname(path)}; what was committed is safe and the same command goes on.`,
      cause: error,
    });
  if (/not a valid DuckDB database file|Failure while replaying WAL|Corrupt|checksum/i.test(text))
    return new RatchetError('E_DATA_INVALID', `${path} is damaged or no DuckDB database: ${firstLine(text)}`, {
      hint: 'Restore the file (and its .wal beside it) from a backup, or move it away to start with an empty store.',
      cause: error,
    });
  if (/Permission denied|Read-only file system|EACCES|EPERM|EROFS/i.test(text))
    return new RatchetError('E_DATA_FOLDER', `cannot write the database ${path}: ${reason(text)}`, {
      hint: `Make ${dirname(path)} writable for this user, or set dataFolder to a folder that is.`,
      cause: error,
    });
  if (/Cannot open file|ENOTDIR|ENOENT|EEXIST|EISDIR|ENAMETOOLONG|Is a directory|Not a directory/i.test(text))
    return new RatchetError('E_DATA_FOLDER', `cannot open the database ${path}: ${reason(text)}`, {
      hint: 'Set dataFolder to a folder that exists or can be created.',
      cause: error,
    });
  if (/Constraint Error|Conversion Error/.test(text))
    return new RatchetError('E_DATA_INVALID', `the store refuses a row: ${firstLine(text)}`, {
      hint: 'Validate rows before they are recorded; nothing of this write was stored.',
      cause: error,
    });
  if (!/^[\w ]+ Error: |^Failed to /.test(text)) return error;
  return new RatchetError('E_STORE', `the database ${path} failed: ${firstLine(text)}`, {
    hint: 'Run the same command again; committed rows are safe. If it fails again, report the message.',
    cause: error,
  });
}

/** The error of a second opener, naming the process that owns the file where it is known. */
export function lockedError(
  path: string,
  holder: { program: string; pid: number } | null,
  cause?: unknown,
): RatchetError {
  const owner = holder === null ? 'another process' : `process ${holder.pid} (${holder.program})`;
  return new RatchetError('E_LOCKED', `${owner} has the database ${path} open; one process owns it at a time`, {
    hint: 'Ask the running `ratchet up` (its API, or `ratchet loop status`), or stop that process and try again.',
    cause,
  });
}

/** True when DuckDB has shut the database down after a failed write and it must be opened anew. */
export function isInvalidated(error: unknown): boolean {
  const text = error instanceof Error ? error.message : String(error);
  return /database has been invalidated|^FATAL Error|INTERNAL Error/i.test(text);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function reason(text: string): string {
  const line = firstLine(text);
  return /: ([^:"]+)$/.exec(line)?.[1] ?? line;
}
