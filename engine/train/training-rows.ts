import { readFile } from 'node:fs/promises';
import { RatchetError } from '../../config/errors.js';
import type { TrainingRow } from '../api.js';
import { diskError } from '../formats/disk-error.js';
import type { ModelConfig } from '../nn/config.js';
import type { TextTokenizer } from '../tokenizer/tokenizer.js';

/** A row as tokens: the first `promptLength` are read, the rest is learned. */
export interface TokenRow {
  id: string;
  tokens: number[];
  promptLength: number;
}

const bad = (message: string, hint: string) => new RatchetError('E_DATA_INVALID', message, { hint });

/** Reads a JSONL file of {@link TrainingRow}, see {@link readRows}. */
export const readTrainingRows = (file: string): Promise<TrainingRow[]> =>
  readRows<TrainingRow>(file, ['id', 'prompt', 'completion']);

/**
 * Reads a JSONL file of rows of these texts.
 *
 * @throws RatchetError `E_DATA_INVALID` naming file, line and field; `E_NOT_FOUND`
 */
export async function readRows<Row>(file: string, fields: readonly (keyof Row & string)[]): Promise<Row[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw diskError(error, `reading ${file}`);
  });
  const rows: Row[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const where = `${file}:${index + 1}`;
    let row: Partial<Record<string, unknown>>;
    try {
      row = JSON.parse(line) as typeof row;
    } catch (error) {
      throw bad(`${where}: not valid JSON (${(error as Error).message}).`, 'Write one JSON object a line.');
    }
    for (const field of fields)
      if (typeof row?.[field] !== 'string')
        throw bad(`${where}: field ${field} is not a text.`, `A row has the texts ${fields.join(', ')}.`);
    rows.push(row as Row);
  }
  if (rows.length === 0) throw bad(`${file}: there are no rows.`, 'Training needs at least one row.');
  return rows;
}

/**
 * Turns rows into tokens: prompt, completion, end token. A row longer than `maxLength` loses tokens from the left of
 * its prompt, never from its completion.
 *
 * @returns the rows, how many were cut, and how many were left out because they have no token to learn
 * @throws RatchetError `E_DATA_INVALID` naming a row whose completion alone is too long
 */
export function tokenizeRows(
  rows: readonly TrainingRow[],
  tokenizer: TextTokenizer,
  config: ModelConfig,
  maxLength: number,
): { rows: TokenRow[]; truncated: number; unsupervised: number } {
  const limit = Math.min(maxLength, config.maxPositions);
  const end = config.endIds[0] ?? tokenizer.endId;
  let truncated = 0;
  const encoded = rows.flatMap(({ id, prompt, completion }): TokenRow[] => {
    const answer = tokenizer.encode(completion);
    if (end !== null) answer.push(end);
    let question = tokenizer.encode(prompt);
    const room = limit - answer.length;
    if (room < 0 || (room === 0 && question.length > 0))
      throw bad(
        `Row "${id}": its completion has ${answer.length} tokens, and a row may have ${limit} with at least one of its prompt.`,
        'Raise training.maxLength (up to the model’s positions), or drop the row.',
      );
    if (question.length > room) {
      question = question.slice(question.length - room);
      truncated++;
    }
    // Without a prompt the first token of the completion has nothing before it that could predict it.
    if (answer.length + Math.min(0, question.length - 1) <= 0) return [];
    const tokens = [...question, ...answer];
    const tooLarge = tokens.find((token) => token >= config.vocabularySize);
    if (tooLarge !== undefined)
      throw new RatchetError(
        'E_MODEL_INVALID',
        `Row "${id}": token ${tooLarge} is outside the model's vocabulary of ${config.vocabularySize}.`,
        { hint: 'The tokenizer belongs to another model.' },
      );
    return [{ id, tokens, promptLength: question.length }];
  });
  return { rows: encoded, truncated, unsupervised: rows.length - encoded.length };
}
