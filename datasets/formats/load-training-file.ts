import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { parseRecord, recordText } from '../feedback/parse-record.js';
import { readRecords } from '../feedback/read-records.js';
import { RowFault, RowReader } from './row-reader.js';
import type { LedgerEntry, TrainingExample } from './training-example.js';
import { detectFormat, TRAINING_FORMATS, type TrainingFormat } from './training-formats.js';

/** Reads the rows of a table file (Parquet, CSV) as plain objects; `store/read-table.ts` does it with DuckDB. */
export type ReadTable = (path: string) => AsyncIterable<Record<string, unknown>>;

export interface LoadTrainingOptions {
  /** Gets the examples in file order, each with its line (from 1); the file waits for it. */
  onExample(example: TrainingExample, line: number): void | Promise<void>;
  /** Gets every row that was left out. */
  onRejected(entry: LedgerEntry): void | Promise<void>;
  /** Default: told from the fields of the first row that has those of a known format. */
  format?: TrainingFormat;
  /** Longer rows are rejected unread; default 16 MiB. */
  maxLineBytes?: number;
  /** Needed for Parquet and CSV files. */
  readTable?: ReadTable;
}

export interface TrainingFileReport {
  format: TrainingFormat;
  /** Why this format: a sentence. */
  because: string;
  /** Rows that are not blank. */
  read: number;
  kept: number;
  /** Number of rows left out, by reason. */
  dropped: Record<string, number>;
  /** Number of repairs to rows that were kept, by what was done. */
  repaired: Record<string, number>;
}

type SourceRow = { line: number } & ({ value: object } | { reason: string });

const TABLES: ReadonlySet<string> = new Set(['.parquet', '.csv', '.tsv']);

/**
 * Streams a file of training examples: JSONL, JSON arrays, plain text (`.txt`, one example a line), or a table through
 * `readTable`. UTF-8 with or without byte order mark, LF or CRLF. A bad row never stops the file and never vanishes: it
 * is told with line, field and reason. A repeated `id` is bad.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_DATA_INVALID` when no row has the fields of a known format, `E_USAGE` for a
 * table without `readTable`
 */
export async function loadTrainingFile(path: string, options: LoadTrainingOptions): Promise<TrainingFileReport> {
  const { onExample, onRejected, maxLineBytes = 16 * 1_048_576 } = options;
  await requireFile(path);
  let format = options.format ?? null;
  const report = { read: 0, kept: 0, dropped: {}, repaired: {} };
  let because = 'the caller named it';
  let fields: string[] | null = null;
  const lines = new Map<string, number>();
  for await (const row of sourceRows(path, maxLineBytes, options.readTable)) {
    report.read++;
    const { line } = row;
    try {
      if ('reason' in row) throw new RowFault('', row.reason);
      const value = row.value as Record<string, unknown>;
      if (format === null) {
        format = detectFormat(value);
        fields ??= Object.keys(value);
        if (format === null)
          throw new RowFault('', `has the fields of no known format (${Object.keys(value).join(', ')})`);
        because = `line ${line} has the fields ${TRAINING_FORMATS[format].fields.join(' and ')}`;
      }
      const id = readId(value, line, `${basename(path)}:${report.read}`, lines);
      const repairs: string[] = [];
      const example = TRAINING_FORMATS[format].convert(new RowReader(value), id, (what) => repairs.push(what));
      for (const what of new Set(repairs)) count(report.repaired, what);
      report.kept++;
      await onExample(example, line);
    } catch (error) {
      if (!(error instanceof RowFault)) throw error;
      const { field, reason } = error;
      count(report.dropped, field === '' ? reason : `${field.replace(/\[\d+\]/g, '[]')} ${reason}`);
      await onRejected({ file: path, line, field, reason });
    }
  }
  if (format === null) throw unknownFormat(path, fields);
  return { format, because, ...report };
}

async function* sourceRows(
  path: string,
  maxLineBytes: number,
  readTable: ReadTable | undefined,
): AsyncIterable<SourceRow> {
  const extension = extname(path).toLowerCase();
  if (TABLES.has(extension)) {
    if (readTable === undefined) {
      throw new RatchetError('E_USAGE', `${path}: ${extension} files are read through DuckDB, which is not at hand.`, {
        hint: 'Pass readTable of store/read-table.ts, or convert the file to JSONL.',
      });
    }
    // Row 1 of a CSV file is on line 2, after the names of the columns.
    let line = extension === '.parquet' ? 0 : 1;
    for await (const value of readTable(path)) yield { line: ++line, value };
    return;
  }
  const plain = extension === '.txt';
  for await (const record of readRecords(path, maxLineBytes, plain)) {
    const { line } = record;
    if (!plain) yield { line, ...parseRecord(record, maxLineBytes) };
    else {
      const read = recordText(record, maxLineBytes);
      yield 'reason' in read ? { line, ...read } : { line, value: { text: read.text.replace(/\r$/, '') } };
    }
  }
}

/** The row's own id, or `fallback`: the file and the number of the row. */
function readId(row: Record<string, unknown>, line: number, fallback: string, lines: Map<string, number>): string {
  const { id } = row;
  if (id === undefined || id === null) return fallback;
  if (typeof id !== 'string' && typeof id !== 'number') throw new RowFault('id', 'is neither a text nor a number');
  const first = lines.get(String(id));
  if (first !== undefined) throw new RowFault('id', `repeats the one on line ${first}`);
  lines.set(String(id), line);
  return String(id);
}

const count = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new RatchetError('E_NOT_FOUND', `no training file at ${path}`, { hint: 'Check the path.', cause });
  });
  if (!found.isFile())
    throw new RatchetError('E_DATA_INVALID', `${path} is not a file`, { hint: 'Name a single file.' });
}

function unknownFormat(path: string, fields: string[] | null): RatchetError {
  const known = Object.values(TRAINING_FORMATS).map((format) => format.fields.join(' + '));
  const found = fields === null ? 'holds no readable row' : `has rows with the fields ${fields.join(', ')}`;
  return new RatchetError('E_DATA_INVALID', `${path} ${found}.`, { hint: `Known are: ${known.join('; ')}.` });
}
