import { parseRecord } from './feedback/parse-record.js';
import { readRecords } from './feedback/read-records.js';
import { sampleRows } from './formats/sample-rows.js';
import type { LedgerEntry } from './formats/training-example.js';

const MAX_LINE_BYTES = 1_048_576;

/** A question of CommonsenseQA (Talmor et al., 2019) with its choices in the order of the file. */
export interface CommonsenseQuestion {
  /** 1-based line in the file. */
  line: number;
  id: string;
  concept: string | null;
  stem: string;
  labels: string[];
  choices: string[];
  /** Null in the test split, whose answers are not published: such questions are never trained on. */
  answerKey: string | null;
  answerIndex: number | null;
  answerText: string | null;
}

export interface CommonsenseQaOptions {
  path: string;
  /** Default 1. */
  seed?: number;
  onRejected?: (entry: LedgerEntry) => void;
}

/**
 * Streams the questions of a JSONL file in the original layout (`question: {stem, choices: [{label, text}]}`) or that
 * of the Hugging Face hub (`question`, `choices: {label[], text[]}`). Lines end at LF only. Rows of another shape go to
 * `onRejected`.
 */
export async function* readCommonsenseQa(
  path: string,
  onRejected: (entry: LedgerEntry) => void = () => undefined,
): AsyncIterable<CommonsenseQuestion> {
  for await (const record of readRecords(path, MAX_LINE_BYTES)) {
    const parsed = parseRecord(record, MAX_LINE_BYTES);
    const result = 'reason' in parsed ? { field: '', reason: parsed.reason } : readQuestion(parsed.value);
    if ('reason' in result) onRejected({ file: path, line: record.line, ...result });
    else yield { line: record.line, ...result };
  }
}

type Row = Record<string, unknown>;
type Fault = { field: string; reason: string };

function readQuestion(value: object): Omit<CommonsenseQuestion, 'line'> | Fault {
  const row = value as Row;
  const original = typeof row['question'] === 'object' && row['question'] !== null;
  const question = original ? (row['question'] as Row) : row;
  const stem = original ? question['stem'] : row['question'];
  if (typeof row['id'] !== 'string') return { field: 'id', reason: 'is not a text' };
  if (typeof stem !== 'string') return { field: original ? 'question.stem' : 'question', reason: 'is not a text' };
  const listed = original ? readList(question['choices']) : readColumns(row['choices']);
  if (listed === null) {
    return { field: original ? 'question.choices' : 'choices', reason: 'is no list of labels with as many texts' };
  }
  const { labels, choices } = listed;
  const key = row['answerKey'];
  const answerKey = key === undefined || key === null || key === '' ? null : key;
  if (answerKey !== null && (typeof answerKey !== 'string' || !labels.includes(answerKey))) {
    return { field: 'answerKey', reason: `is ${JSON.stringify(answerKey)}, none of ${labels.join(', ')}` };
  }
  const answerIndex = answerKey === null ? null : labels.indexOf(answerKey);
  const concept = question['question_concept'];
  return {
    id: row['id'],
    concept: typeof concept === 'string' ? concept : null,
    stem,
    labels,
    choices,
    answerKey,
    answerIndex,
    answerText: answerIndex === null ? null : choices[answerIndex]!,
  };
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

function readList(value: unknown): { labels: string[]; choices: string[] } | null {
  if (!Array.isArray(value)) return null;
  const items = value as ({ label?: unknown; text?: unknown } | null)[];
  return readColumns({ label: items.map((item) => item?.label), text: items.map((item) => item?.text) });
}

function readColumns(value: unknown): { labels: string[]; choices: string[] } | null {
  const { label, text } = (value ?? {}) as { label?: unknown; text?: unknown };
  if (!isTexts(label) || !isTexts(text) || label.length !== text.length || label.length === 0) return null;
  return new Set(label).size === label.length ? { labels: label, choices: text } : null;
}

/** Seeded samples of a CommonsenseQA file (row D1). */
export class CommonsenseQALoader {
  static readonly datasetName = 'commonsense_qa';

  constructor(private readonly options: CommonsenseQaOptions) {}

  /** `n` answered questions in random order, fewer when the file has fewer; unanswered ones (test split) never. */
  getSamples(n: number): Promise<CommonsenseQuestion[]> {
    const { path, seed = 1, onRejected } = this.options;
    return sampleRows(answered(readCommonsenseQa(path, onRejected)), n, seed, () => 'question');
  }
}

async function* answered(questions: AsyncIterable<CommonsenseQuestion>): AsyncIterable<CommonsenseQuestion> {
  for await (const question of questions) if (question.answerKey !== null) yield question;
}
