import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import type { StopReason, Usage } from '../provider.js';
import { redact } from './redact.js';

/** One attempt, as it is recorded. */
export interface CallRecord {
  provider: string;
  model: string;
  /** Counts the calls of a provider from 1. */
  call: number;
  /** Counts the attempts of a call from 1. */
  attempt: number;
  /** ISO 8601, UTC. */
  startedAt: string;
  milliseconds: number;
  request: { address: string; headers: Readonly<Record<string, string>>; body: unknown };
  /** What came, also of an attempt that failed midway. */
  text: string;
  stopReason: StopReason | null;
  usage: Usage | null;
  /** US dollars. */
  cost: number;
  fault: string | null;
}

export type RecordCall = (record: CallRecord) => Promise<void>;

/**
 * Appends every attempt to a JSONL file that only its owner may read, secrets redacted. Lines are written one after the
 * other and whole.
 */
export function recordCallsTo(file: string, secrets: readonly string[]): RecordCall {
  let last: Promise<unknown> = Promise.resolve();
  return (record) => {
    const line = `${JSON.stringify(redact(record, secrets))}\n`;
    const written = last.then(() => append(file, line));
    last = written.catch(() => {});
    return written;
  };
}

async function append(file: string, line: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await appendFile(file, line, { mode: 0o600 });
  } catch (cause) {
    const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
    throw new RatchetError(full ? 'E_DISK_FULL' : 'E_DATA_FOLDER', `${file} cannot be written`, {
      hint: 'Name another file for the record of calls, or none.',
      cause,
    });
  }
}
