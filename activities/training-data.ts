import path from 'node:path';
import { RatchetError } from '../config/errors.js';
import {
  FineTuningDataFormatter,
  loadTrainingFile,
  type LedgerEntry,
  type TrainingExample,
} from '../datasets/index.js';
import { inspectRows, type ObjectiveSpec, type RowInspector, type RowMeasure } from '../engine/index.js';
import { writeAtomic } from '../engine/formats/atomic-write.js';
import { readTable } from '../store/read-table.js';
import { engineRow, RowRefused, type EngineRow } from './engine-row.js';

/** Both sides of the split, where there are two, and the ledger. */
export const PREPARED_FILES = ['train.jsonl', 'validation.jsonl', 'rejected.jsonl'] as const;

export interface PrepareOptions {
  /** JSONL, JSON, CSV, TSV, Parquet or text, in any format of `datasets/formats`. */
  file: string;
  /** Rows to validate on; without it `evalRatio` of `file` is held out. */
  evalFile?: string;
  evalRatio: number;
  modelDir: string;
  maxLength: number;
  /** Classes of a new head, or of an adapter's, instead of the model's own. */
  labels?: readonly string[] | null;
  /** Given the kind of the file's first row, what is trained; null leaves it to the model. */
  objective(kind: TrainingExample['kind']): ObjectiveSpec | null;
  /** Order the training rows from short to long. */
  curriculum?: boolean;
  seed: number;
  /** Where the {@link PREPARED_FILES} are written. */
  folder: string;
}

/** One side of the split, as the engine reads it. */
export interface PreparedRows {
  file: string;
  rows: number;
  /** Sequences that the rows make; long texts make several. */
  sequences: number;
  tokens: number;
  /** Tokens (or classes) that are scored. */
  learned: number;
  longest: number;
}

export interface PreparedData {
  format: string;
  /** Why the file was taken for that. */
  because: string;
  objective: ObjectiveSpec;
  read: number;
  kept: number;
  /** Rows left out, by reason. */
  dropped: Record<string, number>;
  repaired: Record<string, number>;
  /** Kept rows that lost tokens. */
  truncated: number;
  /** File of every row left out, with line, field and reason; null where none was. */
  ledger: string | null;
  /** The first of those. */
  rejected: LedgerEntry[];
  train: PreparedRows;
  validation: PreparedRows | null;
}

/** Rejected rows that are told one by one. */
const SHOWN = 5;

interface Kept {
  row: EngineRow;
  measure: RowMeasure;
  /** Rows that say the same share it. */
  group: string;
}

/**
 * Turns a user's file into the rows that the engine trains on: reads any known format, writes conversations with the
 * model's template, refuses row by row what the engine would refuse, and splits. Nothing vanishes: every row left out
 * is in the ledger. It is the one place that sees formats, tables and tokens together, which is what `activities/` is for;
 * a command calls it as a function, a durable run may call it as an activity. Same file and options, same files.
 *
 * @throws RatchetError `E_NOT_FOUND`; `E_DATA_INVALID` when no row is left; `E_CONFIG_INVALID` when the model cannot have
 *   the objective; `E_MODEL_INVALID`
 */
export async function prepareTrainingData(options: PrepareOptions): Promise<PreparedData> {
  const { seed, folder, evalRatio } = options;
  const ledger: LedgerEntry[] = [];
  const main = await readExamples(options.file, ledger);
  const asked = main.examples[0] === undefined ? null : options.objective(main.examples[0].example.kind);
  const inspector = await inspectRows(options.modelDir, {
    maxLength: options.maxLength,
    labels: options.labels ?? null,
    ...(asked && { objective: asked }),
  });
  const counts = { truncated: 0, dropped: { ...main.report.dropped } };
  const keep = ({ examples }: Read) => keepRows(examples, inspector, ledger, counts);
  const all = keep(main);
  if (all.length === 0) {
    await writeLines(path.join(folder, 'rejected.jsonl'), ledger);
    throw noRows(options.file, ledger, path.join(folder, 'rejected.jsonl'));
  }
  let [train, validation] = [all, [] as Kept[]];
  if (options.evalFile !== undefined) {
    const other = await readExamples(options.evalFile, ledger);
    for (const [reason, n] of Object.entries(other.report.dropped))
      counts.dropped[reason] = (counts.dropped[reason] ?? 0) + n;
    validation = keep(other);
  } else if (evalRatio > 0) {
    const split = new FineTuningDataFormatter().splitTrainEval(all, { evalRatio, seed });
    [train, validation] = [split.train, split.eval];
  }
  if (options.curriculum) train = train.toSorted((a, b) => a.measure.tokens - b.measure.tokens);
  const ledgerFile = path.join(folder, 'rejected.jsonl');
  await writeLines(ledgerFile, ledger);
  const { format, because, read, repaired } = main.report;
  return {
    format,
    because,
    objective: inspector.objective,
    read,
    kept: all.length,
    dropped: counts.dropped,
    repaired,
    truncated: counts.truncated,
    ledger: ledger.length === 0 ? null : ledgerFile,
    rejected: ledger.slice(0, SHOWN),
    train: await writeRows(path.join(folder, 'train.jsonl'), train),
    validation: validation.length === 0 ? null : await writeRows(path.join(folder, 'validation.jsonl'), validation),
  };
}

interface Read {
  examples: { example: TrainingExample; file: string; line: number }[];
  report: Awaited<ReturnType<typeof loadTrainingFile>>;
}

async function readExamples(file: string, ledger: LedgerEntry[]): Promise<Read> {
  const examples: Read['examples'] = [];
  const report = await loadTrainingFile(file, {
    onExample: (example, line) => void examples.push({ example, file, line }),
    onRejected: (entry) => void ledger.push(entry),
    readTable,
  });
  return { examples, report };
}

function keepRows(
  examples: Read['examples'],
  inspector: RowInspector,
  ledger: LedgerEntry[],
  counts: { truncated: number; dropped: Record<string, number> },
): Kept[] {
  return examples.flatMap(({ example, file, line }) => {
    const reject = (field: string, reason: string, counted = reason) => {
      ledger.push({ file, line, field, reason });
      counts.dropped[counted] = (counts.dropped[counted] ?? 0) + 1;
      return [];
    };
    try {
      const row = engineRow(example, inspector);
      const measure = inspector.inspect(row);
      if (measure.learned === 0) return reject('', 'has no token to learn');
      if (measure.truncated) counts.truncated++;
      return [{ row, measure, group: JSON.stringify({ ...row, id: '' }) }];
    } catch (error) {
      if (error instanceof RowRefused)
        return reject(error.field, error.reason, `${error.field} ${error.reason}`.trim());
      if ((error as RatchetError).code !== 'E_DATA_INVALID') throw error;
      // "Row "7": its completion has 900 tokens, …" is counted without what differs from row to row.
      const reason = (error as Error).message.replace(/^Row ".*?": /s, '');
      return reject('', reason, reason.replaceAll(/\d+/g, 'N'));
    }
  });
}

async function writeRows(file: string, kept: readonly Kept[]): Promise<PreparedRows> {
  await writeLines(
    file,
    kept.map(({ row }) => row),
  );
  const sum = (of: (measure: RowMeasure) => number) => kept.reduce((total, { measure }) => total + of(measure), 0);
  return {
    file,
    rows: kept.length,
    sequences: sum(({ sequences }) => sequences),
    tokens: sum(({ tokens }) => tokens),
    learned: sum(({ learned }) => learned),
    longest: kept.reduce((most, { measure }) => Math.max(most, measure.longest), 0),
  };
}

async function writeLines(file: string, values: readonly unknown[]): Promise<void> {
  await writeAtomic(file, [Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''))]);
}

function noRows(file: string, ledger: readonly LedgerEntry[], ledgerFile: string): RatchetError {
  const [first] = ledger;
  const why =
    first === undefined ? '' : ` Line ${first.line}: ${[first.field, first.reason].filter(Boolean).join(' ')}.`;
  return new RatchetError('E_DATA_INVALID', `${file} has no row to train on.${why}`, {
    hint: ledger.length === 0 ? 'Give it rows.' : `${ledgerFile} says of every row why it was left out.`,
  });
}
