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

/**
 * Reads a JSONL file of {@link TrainingRow}.
 *
 * @throws RatchetError `E_DATA_INVALID` naming file, line and field; `E_NOT_FOUND`
 */
export async function readTrainingRows(file: string): Promise<TrainingRow[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw diskError(error, `reading ${file}`);
  });
  const rows: TrainingRow[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const where = `${file}:${index + 1}`;
    let row: Partial<Record<keyof TrainingRow, unknown>>;
    try {
      row = JSON.parse(line) as typeof row;
    } catch (error) {
      throw bad(`${where}: not valid JSON (${(error as Error).message}).`, 'Write one JSON object a line.');
    }
    for (const field of ['id', 'prompt', 'completion'] as const)
      if (typeof row?.[field] !== 'string')
        throw bad(`${where}: field ${field} is not a text.`, 'A row has the texts id, prompt and completion.');
    rows.push(row as TrainingRow);
  }
  if (rows.length === 0) throw bad(`${file}: there are no rows.`, 'Training needs at least one row.');
  return rows;
}

/**
 * Turns rows into tokens: prompt, completion, end token. A row longer than `maxLength` loses tokens from the left of
 * its prompt, never from its completion.
 *
 * @returns the rows, and how many were cut
 * @throws RatchetError `E_DATA_INVALID` naming a row whose completion alone is too long, or that has nothing to learn
 */
export function tokenizeRows(
  rows: readonly TrainingRow[],
  tokenizer: TextTokenizer,
  config: ModelConfig,
  maxLength: number,
): { rows: TokenRow[]; truncated: number } {
  const limit = Math.min(maxLength, config.maxPositions);
  const end = config.endIds[0] ?? tokenizer.endId;
  let truncated = 0;
  const encoded = rows.map(({ id, prompt, completion }): TokenRow => {
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
    if (answer.length + Math.min(0, question.length - 1) <= 0)
      throw bad(`Row "${id}": there is no token to learn.`, 'Give the row a prompt and a completion.');
    const tokens = [...question, ...answer];
    const tooLarge = tokens.find((token) => token >= config.vocabularySize);
    if (tooLarge !== undefined)
      throw new RatchetError(
        'E_MODEL_INVALID',
        `Row "${id}": token ${tooLarge} is outside the model's vocabulary of ${config.vocabularySize}.`,
        { hint: 'The tokenizer belongs to another model.' },
      );
    return { id, tokens, promptLength: question.length };
  });
  return { rows: encoded, truncated };
}
