import { readFile } from 'node:fs/promises';
import { RatchetError } from '../../config/errors.js';
import type { CausalRow, TrainingRow } from '../api.js';
import { diskError } from '../formats/disk-error.js';
import { IGNORED } from './loss.js';

/** A row as tokens: the first `promptLength` are read, the rest is learned. */
export interface TokenRow {
  id: string;
  tokens: number[];
  promptLength: number;
  /** 1 for each token that is learned, where those are not simply all after the prompt. */
  learned?: readonly number[];
  weight?: number;
}

/** The label of each token of a row: itself, or {@link IGNORED} where it is not learned. */
export const labelsOf = ({ tokens, promptLength, learned }: TokenRow): number[] =>
  tokens.map((token, place) => ((learned ? learned[place] === 1 : place >= promptLength) ? token : IGNORED));

const bad = (message: string, hint: string) => new RatchetError('E_DATA_INVALID', message, { hint });

const COMPLETION_FIELDS = ['id', 'prompt', 'completion'] as const;

/** Reads a JSONL file of {@link TrainingRow}, see {@link readRows}. */
export const readTrainingRows = (file: string): Promise<TrainingRow[]> =>
  readRows<TrainingRow>(file, COMPLETION_FIELDS);

/**
 * Reads a JSONL file of rows of these texts.
 *
 * @throws RatchetError `E_DATA_INVALID` naming file, line and field; `E_NOT_FOUND`
 */
export const readRows = <Row>(file: string, fields: readonly (keyof Row & string)[]): Promise<Row[]> =>
  readLines<Row>(file, (row) => requireTexts(row, fields));

/** Reads a JSONL file of prompts with completions, conversations and texts, see {@link readRows}. */
export const readCausalRows = (file: string): Promise<CausalRow[]> =>
  readLines<CausalRow>(file, (row) => {
    if (row?.['messages'] === undefined) return requireTexts(row, 'text' in row ? ['id', 'text'] : COMPLETION_FIELDS);
    const { messages } = row;
    const sound = Array.isArray(messages) && messages.every((message) => typeof message?.role === 'string');
    return sound
      ? requireTexts(row, ['id'])
      : { fault: 'field messages is not a list of {role, content}', hint: MESSAGES };
  });

const MESSAGES = 'A conversation is {"id": …, "messages": [{"role": "user", "content": …}, …]}.';

function weightFault(weight: unknown): Fault | null {
  if (weight === undefined || (Number.isFinite(weight) && (weight as number) > 0)) return null;
  return {
    fault: 'field weight is not a number above 0',
    hint: 'Leave it out for a row that is drawn as often as most.',
  };
}

interface Fault {
  fault: string;
  hint: string;
}

function requireTexts(row: Record<string, unknown>, fields: readonly string[]): Fault | null {
  const wrong = fields.find((field) => typeof row?.[field] !== 'string');
  if (wrong === undefined) return null;
  return { fault: `field ${wrong} is not a text`, hint: `A row has the texts ${fields.join(', ')}.` };
}

async function readLines<Row>(file: string, check: (row: Record<string, unknown>) => Fault | null): Promise<Row[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw diskError(error, `reading ${file}`);
  });
  const rows: Row[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const where = `${file}:${index + 1}`;
    let row: Record<string, unknown>;
    try {
      row = JSON.parse(line) as typeof row;
    } catch (error) {
      throw bad(`${where}: not valid JSON (${(error as Error).message}).`, 'Write one JSON object a line.');
    }
    const wrong = check(Object(row) as typeof row) ?? weightFault(row['weight']);
    if (wrong) throw bad(`${where}: ${wrong.fault}.`, wrong.hint);
    rows.push(row as Row);
  }
  if (rows.length === 0) throw bad(`${file}: there are no rows.`, 'Training needs at least one row.');
  return rows;
}
