import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Histories by the version that wrote them, and what was special about the run: `v0.2-run-adaptive-loop.reset.json`. */
export const folder = fileURLToPath(new URL('histories/', import.meta.url));

/** With `RECORD_HISTORIES=v0.2` keeps the history of a run of today's code; `name` begins with that of its workflow. */
export function recordHistory(name: string, history: unknown): void {
  const version = process.env.RECORD_HISTORIES;
  if (version) writeFileSync(`${folder}${version}-${name}.json`, asJson(history));
}

/**
 * One line: the protocol buffer's fields by name, numbers of 64 bits as their halves, bytes in base64, which is what the
 * encoder takes back. (The SDK's own `historyToJSON` fails where npm installs protobufjs twice.) Names and paths of the
 * machine that recorded it are left out.
 */
function asJson(history: unknown): string {
  const write = function (this: Record<string, unknown>, key: string): unknown {
    if (['identity', 'binaryChecksum', 'stackTrace'].includes(key)) return undefined;
    const value = this[key];
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
    // A copy without the messages' own `toJSON`, which writes numbers and enumerations as text.
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : value;
  };
  return `${JSON.stringify(history, write)}\n`;
}
