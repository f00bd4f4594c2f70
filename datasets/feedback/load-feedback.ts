import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { FeedbackEvent, RejectedRow } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { parseRecord } from './parse-record.js';
import { readRecords, type FileRecord } from './read-records.js';
import { validateFeedbackEvent } from './validate-feedback-event.js';

export interface LoadOptions {
  /** Gets the accepted events in file order, up to `batchSize` at a time; meanwhile the next batch is read, and no more. */
  onEvents(batch: FeedbackEvent[]): void | Promise<void>;
  /** Gets the rejected rows, as above. */
  onRejected(rows: RejectedRow[]): void | Promise<void>;
  /** Longer records are rejected unread; default 1 MiB. */
  maxLineBytes?: number;
  /** Records of a batch at most … */
  batchSize?: number;
  /** … and their bytes, give or take the last record; default 32 MiB. */
  batchBytes?: number;
}

export interface LoadReport {
  /** Records that are not blank. */
  read: number;
  accepted: number;
  rejected: number;
  /** At most 50, then how many more there were. */
  warnings: string[];
}

const RAW_CHARACTERS = 4096;
/** As many bytes hold that many characters, whatever they are. */
const RAW_BYTES = 4 * RAW_CHARACTERS;
const MAX_WARNINGS = 50;

/**
 * Streams a file of feedback events (requirements §5): JSONL, JSON arrays or `{"events": […]}`, UTF-8 with or without
 * a byte order mark, LF or CRLF. A bad record never stops the file: it is rejected with line, field and reason, and so
 * is what follows the arrays. A second event with a known id is rejected as a duplicate. Throws `E_NOT_FOUND` or
 * `E_DATA_INVALID` for a path that is no file.
 */
export async function loadFeedback(path: string, options: LoadOptions): Promise<LoadReport> {
  const { maxLineBytes = 1_048_576, batchSize = 500, batchBytes = 33_554_432 } = options;
  await requireFile(path);
  const source = basename(path);
  const lines = new Map<string, number>();
  const report: LoadReport = { read: 0, accepted: 0, rejected: 0, warnings: [] };
  let warned = 0;
  let events: FeedbackEvent[] = [];
  let rejected: RejectedRow[] = [];
  let bytes = 0;
  let rejectedBytes = 0;
  let handling = Promise.resolve();
  const handOver = async <T>(rows: T[], handler: (rows: T[]) => void | Promise<void>): Promise<T[]> => {
    await handling;
    if (rows.length > 0) handling = Promise.resolve(handler(rows));
    // Told where it is awaited, which may be after the next batch.
    handling.catch(() => undefined);
    return [];
  };
  try {
    for await (const record of readRecords(path, maxLineBytes)) {
      report.read++;
      const result = read(record, maxLineBytes, lines);
      if ('event' in result) {
        const { event } = result;
        report.accepted++;
        events.push(event);
        if (event.validation_score > 0 && event.validation_score <= 1 && ++warned <= MAX_WARNINGS) {
          report.warnings.push(
            `${source}:${record.line}: validation_score ${event.validation_score} is at most 1; scores go from 0 to 100, is this one on a scale of 1?`,
          );
        }
      } else {
        report.rejected++;
        // Of a long record only its beginning is decoded: what is cut from a text keeps all of it in memory.
        const raw = record.bytes.toString('utf8', 0, RAW_BYTES).slice(0, RAW_CHARACTERS);
        rejectedBytes += Math.min(record.bytes.length, RAW_BYTES);
        rejected.push({ source, line: record.line, field: result.field, reason: result.reason, raw });
      }
      bytes += record.bytes.length;
      if (events.length >= batchSize || bytes >= batchBytes) {
        events = await handOver(events, options.onEvents);
        bytes = 0;
      }
      if (rejected.length >= batchSize || rejectedBytes >= batchBytes) {
        rejected = await handOver(rejected, options.onRejected);
        rejectedBytes = 0;
      }
    }
    if (warned > MAX_WARNINGS) report.warnings.push(`${source}: ${warned - MAX_WARNINGS} more warnings of this kind`);
    await handOver(events, options.onEvents);
    await handOver(rejected, options.onRejected);
    await handling;
    return report;
  } finally {
    // After a fault of the file: nothing goes on once this has ended.
    await handling.catch(() => undefined);
  }
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new RatchetError('E_NOT_FOUND', `no feedback file at ${path}`, { hint: 'Check the path.', cause });
  });
  if (!found.isFile()) {
    throw new RatchetError('E_DATA_INVALID', `${path} is not a file`, { hint: 'Name a .jsonl or .json file.' });
  }
}

function read(
  record: FileRecord,
  maxLineBytes: number,
  lines: Map<string, number>,
): { event: FeedbackEvent } | { field: string; reason: string } {
  const parsed = parseRecord(record, maxLineBytes);
  if ('reason' in parsed) return { field: '', reason: parsed.reason };
  const result = validateFeedbackEvent(parsed.value);
  if (!('event' in result)) return result;
  const first = lines.get(result.event.id);
  if (first !== undefined) return { field: 'id', reason: `duplicate of the event on line ${first}` };
  lines.set(result.event.id, record.line);
  return result;
}
