import { open } from 'node:fs/promises';

/** One record of a file: a line of JSONL, or an element of a JSON array. */
export interface FileRecord {
  /** 1-based line on which it starts. */
  line: number;
  /** Offset of its first byte in the file. */
  offset: number;
  /** Its bytes; of an over-long record the first 16 KiB. */
  bytes: Buffer;
  /** Length of an over-long record in bytes; 0 for others. */
  overLong: number;
  /** The file ends inside it, or right after it without a line end. */
  atEnd: boolean;
}

const KEPT_OF_OVER_LONG = 16_384;
const CHUNK = 262_144;
const [NEWLINE, QUOTE, BACKSLASH, COMMA] = [0x0a, 0x22, 0x5c, 0x2c];
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);
const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Streams the records of a JSONL file or of a JSON file that holds an array or `{"events": […]}`. A byte order mark is
 * skipped. Holds at most `maxBytes` of one record: a longer one comes cut, with its length. What a file is follows from
 * its first bytes, not from its name, unless `linesOnly` says that each line is a record.
 */
export async function* readRecords(path: string, maxBytes: number, linesOnly = false): AsyncIterable<FileRecord> {
  const file = await open(path);
  try {
    const first = Buffer.alloc(CHUNK);
    const { bytesRead } = await file.read(first, 0, CHUNK, 0);
    const head = first.subarray(0, bytesRead);
    const mark = head.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0;
    const array = linesOnly
      ? null
      : /^\s*(?:\{\s*"events"\s*:\s*)?\[(?!\s*"?[\w.-]+"?\s*,)/.exec(head.subarray(mark).toString('latin1'));
    const start = mark + (array?.[0].length ?? 0);
    const line = 1 + head.subarray(0, start).filter((byte) => byte === NEWLINE).length;
    const splitter = new Splitter(maxBytes, start, line, array !== null);
    const chunk = Buffer.alloc(CHUNK);
    for (let position = start; !splitter.finished;) {
      const { bytesRead: count } = await file.read(chunk, 0, CHUNK, position);
      if (count === 0) break;
      yield* splitter.push(chunk.subarray(0, count));
      position += count;
    }
    yield* splitter.end();
  } finally {
    await file.close();
  }
}

/** Cuts a stream of bytes into records. */
class Splitter {
  finished = false;
  private parts: Buffer[] = [];
  private kept = 0;
  private length = 0;
  private depth = 0;
  private inText = false;
  private escaped = false;
  private startLine: number;
  private startOffset: number;

  constructor(
    private readonly maxBytes: number,
    private offset: number,
    private line: number,
    private readonly isArray: boolean,
  ) {
    this.startLine = line;
    this.startOffset = offset;
  }

  *push(chunk: Buffer): Iterable<FileRecord> {
    if (!this.isArray) return yield* this.pushLines(chunk);
    let from = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index]!;
      const separator = this.separates(byte);
      if (byte === NEWLINE) this.line++;
      if (this.length === 0 && from === index && SPACE.has(byte)) {
        from = index + 1;
        this.startAt(index + 1);
        continue;
      }
      if (!separator) continue;
      this.keep(chunk.subarray(from, index));
      yield* this.take(false);
      from = index + 1;
      this.startAt(index + 1);
      if (this.finished) return;
    }
    this.keep(chunk.subarray(from));
    this.offset += chunk.length;
  }

  private *pushLines(chunk: Buffer): Iterable<FileRecord> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.keep(chunk.subarray(from, end));
      this.line++;
      yield* this.take(false);
      from = end + 1;
      this.startAt(from);
    }
    this.keep(chunk.subarray(from));
    this.offset += chunk.length;
  }

  *end(): Iterable<FileRecord> {
    if (!this.finished) yield* this.take(true);
  }

  /** Whether a byte of an array ends an element; closes the array at its bracket. */
  private separates(byte: number): boolean {
    if (this.inText) {
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inText = false;
      return false;
    }
    if (byte === QUOTE) this.inText = true;
    else if (OPENING.has(byte)) this.depth++;
    else if (CLOSING.has(byte) && this.depth-- === 0) this.finished = true;
    return this.finished || (byte === COMMA && this.depth === 0);
  }

  private startAt(index: number): void {
    this.startLine = this.line;
    this.startOffset = this.offset + index;
  }

  private keep(part: Buffer): void {
    this.length += part.length;
    const limit = this.length > this.maxBytes ? Math.min(this.maxBytes, KEPT_OF_OVER_LONG) : this.maxBytes;
    const room = limit - this.kept;
    if (room > 0 && part.length > 0) {
      this.parts.push(Buffer.from(part.subarray(0, room)));
      this.kept += Math.min(room, part.length);
    }
  }

  private *take(atEnd: boolean): Iterable<FileRecord> {
    const overLong = this.length > this.maxBytes ? this.length : 0;
    const all = Buffer.concat(this.parts);
    const bytes = overLong > 0 ? all.subarray(0, KEPT_OF_OVER_LONG) : all;
    this.parts = [];
    this.kept = this.length = 0;
    if (!bytes.every((byte) => SPACE.has(byte))) {
      yield { line: this.startLine, offset: this.startOffset, bytes, overLong, atEnd };
    }
  }
}
