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
  /** What follows the arrays of a JSON file instead of another array, up to the end of the file: no record at all. */
  isStray: boolean;
}

const KEPT_OF_OVER_LONG = 16_384;
const CHUNK = 262_144;
const [NEWLINE, QUOTE, BACKSLASH, COMMA] = [0x0a, 0x22, 0x5c, 0x2c];
const [OPENING_BRACKET, CLOSING_BRACE] = [0x5b, 0x7d];
const OPENING: ReadonlySet<number> = new Set([OPENING_BRACKET, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, CLOSING_BRACE]);
const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Streams the records of a JSONL file or of a JSON file that holds arrays one after another, or `{"events": […]}`, whose
 * other members are skipped. Anything else after an array comes as one stray record, so that nothing vanishes. A byte
 * order mark is skipped. Holds at most `maxBytes` of one record: a longer one comes cut, with its length. What a file is
 * follows from its first bytes, not from its name, unless `linesOnly` says that each line is a record.
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
    const splitter = new Splitter(maxBytes, start, line, array !== null, array !== null && array[0].includes('{'));
    const chunk = Buffer.alloc(CHUNK);
    for (let position = start; ;) {
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

/** Where a byte of a JSON file stands: in an array's elements, in the other members of the object around it, or after. */
type Part = 'elements' | 'members' | 'between' | 'stray';

/** Cuts a stream of bytes into records. */
class Splitter {
  private part: Part = 'elements';
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
    private inObject: boolean,
  ) {
    this.startLine = line;
    this.startOffset = offset;
  }

  *push(chunk: Buffer): Iterable<FileRecord> {
    if (!this.isArray) return yield* this.pushLines(chunk);
    let from = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index]!;
      const isFirst = this.length === 0 && from === index;
      const isElement = this.part === 'elements';
      const separator = this.separates(byte, isFirst);
      if (byte === NEWLINE) this.line++;
      if (isFirst && SPACE.has(byte)) {
        from = index + 1;
        this.startAt(index + 1);
        continue;
      }
      if (!separator) continue;
      if (isElement) {
        this.keep(chunk.subarray(from, index));
        yield* this.take(false);
      } else this.drop();
      from = index + 1;
      this.startAt(index + 1);
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
    // Members without the brace that ends them: who knows what they were.
    if (this.part === 'members') this.part = 'stray';
    yield* this.take(true);
  }

  /** Whether a byte of a JSON file ends what stands before it: an element, or what lies between two arrays. */
  private separates(byte: number, isFirst: boolean): boolean {
    if (this.part === 'stray' || (isFirst && SPACE.has(byte))) return false;
    if (this.inText) {
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inText = false;
      return false;
    }
    if (isFirst && this.part === 'between') {
      this.part = byte === OPENING_BRACKET ? 'elements' : 'stray';
      return this.part === 'elements';
    }
    if (isFirst && this.part === 'members' && byte !== COMMA && byte !== CLOSING_BRACE) {
      this.part = 'stray';
      return false;
    }
    if (byte === QUOTE) this.inText = true;
    else if (OPENING.has(byte)) this.depth++;
    else if (CLOSING.has(byte) && this.depth-- === 0) {
      this.depth = 0;
      // A brace that closes the array ends the object as well: its bracket is missing.
      this.part = this.part === 'elements' && this.inObject && byte !== CLOSING_BRACE ? 'members' : 'between';
      this.inObject = false;
      return true;
    }
    return this.part === 'elements' && this.depth === 0 && byte === COMMA;
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
    this.drop();
    if (!bytes.every((byte) => SPACE.has(byte))) {
      const isStray = this.part === 'stray';
      yield { line: this.startLine, offset: this.startOffset, bytes, overLong, atEnd, isStray };
    }
  }

  private drop(): void {
    this.parts = [];
    this.kept = this.length = 0;
  }
}
