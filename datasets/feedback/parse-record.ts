import { isUtf8 } from 'node:buffer';
import type { FileRecord } from './read-records.js';

/** The text of a record, or why it holds none: too long, or not UTF-8. */
export function recordText(record: FileRecord, maxBytes: number): { text: string } | { reason: string } {
  if (record.overLong > 0) return { reason: `record of ${record.overLong} bytes; at most ${maxBytes} are read` };
  if (!isUtf8(record.bytes)) {
    return { reason: `invalid UTF-8 at byte ${record.offset + firstInvalid(record.bytes)} of the file` };
  }
  return { text: record.bytes.toString('utf8') };
}

/** The JSON object of a record, or why it holds none. */
export function parseRecord(record: FileRecord, maxBytes: number): { value: object } | { reason: string } {
  if (record.isStray) return { reason: 'no record: stands after the end of the array' };
  const read = recordText(record, maxBytes);
  if ('reason' in read) return read;
  let value: unknown;
  try {
    value = JSON.parse(read.text);
  } catch (error) {
    return { reason: syntaxReason(error, record) };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { reason: 'not a JSON object' };
  return { value };
}

function syntaxReason(error: unknown, record: FileRecord): string {
  if (record.atEnd) return 'torn record: the file ends inside it';
  const text = record.bytes.toString('utf8');
  const literal = /[:,[]\s*(-?(?:NaN|Infinity))\b/.exec(text)?.[1];
  if (literal !== undefined) return `not JSON: ${literal} is no number there`;
  const position = /position (\d+)/.exec((error as Error).message)?.[1];
  return position === undefined ? 'not JSON' : `not JSON from character ${Number(position) + 1} on`;
}

/** Index of the first byte that no valid UTF-8 has there: the longest prefix that may still become valid ends before it. */
function firstInvalid(bytes: Buffer): number {
  let [valid, invalid] = [0, bytes.length + 1];
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      valid = middle;
    } catch {
      invalid = middle;
    }
  }
  return Math.min(valid, bytes.length - 1);
}
