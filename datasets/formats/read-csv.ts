import { open } from 'node:fs/promises';

/** One row of a CSV file. */
export interface CsvRow {
  /** 1-based line on which it starts. */
  line: number;
  fields: string[];
  /** The file ends inside a quoted field. */
  torn: boolean;
}

const CHUNK = 65_536;

/**
 * Streams the rows of a CSV file of ISO-8859-1 bytes: each byte is the code point of the same number, which no
 * `TextDecoder` promises. Fields may be quoted, quotes inside are doubled; lines end in LF or CRLF; line ends inside
 * quotes belong to the field. Blank lines are skipped.
 */
export async function* readLatin1Csv(path: string): AsyncIterable<CsvRow> {
  const file = await open(path);
  const parser = new RowParser();
  try {
    const chunk = Buffer.alloc(CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK);
      if (bytesRead === 0) break;
      yield* parser.push(chunk.toString('latin1', 0, bytesRead));
    }
    yield* parser.end();
  } finally {
    await file.close();
  }
}

/** Cuts characters into fields and rows; keeps its place between chunks. */
class RowParser {
  private fields: string[] = [];
  private field = '';
  private quoted = false;
  /** A quote inside a quoted field: its end, or the first of a doubled one. */
  private pendingQuote = false;
  private sawQuotes = false;
  /** The last character of the field is a carriage return outside quotes: part of the line end, if one follows. */
  private endsInReturn = false;
  private line = 1;
  private startLine = 1;

  *push(text: string): Iterable<CsvRow> {
    for (let index = 0; index < text.length; index++) {
      const character = text[index]!;
      if (this.pendingQuote) {
        this.pendingQuote = false;
        if (character === '"') {
          this.field += '"';
          continue;
        }
        this.quoted = false;
      }
      if (this.quoted) {
        // Up to the next quote at once: most of a corpus lies inside quotes.
        const quote = text.indexOf('"', index);
        const part = text.slice(index, quote < 0 ? text.length : quote);
        this.field += part;
        this.line += part.split('\n').length - 1;
        if (quote < 0) return;
        this.pendingQuote = true;
        index = quote;
      } else if (character === '"' && this.field === '' && !this.sawQuotes) {
        this.quoted = true;
        this.sawQuotes = true;
      } else if (character === ',') this.endField();
      else if (character === '\n') {
        this.line++;
        yield* this.endRow(false);
      } else {
        this.field += character;
        this.endsInReturn = character === '\r';
      }
    }
  }

  *end(): Iterable<CsvRow> {
    const torn = this.quoted && !this.pendingQuote;
    yield* this.endRow(torn);
  }

  private endField(): void {
    this.fields.push(this.field);
    this.field = '';
    this.sawQuotes = false;
    this.endsInReturn = false;
  }

  private *endRow(torn: boolean): Iterable<CsvRow> {
    if (this.endsInReturn) this.field = this.field.slice(0, -1);
    const blank = this.fields.length === 0 && this.field === '' && !this.sawQuotes;
    this.endField();
    if (!blank) yield { line: this.startLine, fields: this.fields, torn };
    this.fields = [];
    this.startLine = this.line;
  }
}
