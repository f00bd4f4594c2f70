import { RatchetError } from '../../config/errors.js';
import type { CausalRow, ChatRow, TextRow, TrainingRow } from '../api.js';
import type { ChatTemplate } from '../chat/chat-template.js';
import { encodeChat } from '../chat/encode-chat.js';
import type { ModelConfig } from '../nn/config.js';
import { encodePrompt } from '../tokenizer/encode-prompt.js';
import type { TextTokenizer } from '../tokenizer/tokenizer.js';
import { labelsOf, type TokenRow } from './training-rows.js';

/** What turns rows into tokens. */
export interface Encoder {
  tokenizer: TextTokenizer;
  config: ModelConfig;
  /** Tokens a row may have. */
  maxLength: number;
  /** Writes conversations; null where the model has none. */
  template?: ChatTemplate | null;
}

interface Encoded {
  rows: TokenRow[];
  truncated: boolean;
}

const bad = (message: string, hint: string) => new RatchetError('E_DATA_INVALID', message, { hint });

/**
 * Turns rows into tokens.
 *
 * - a prompt with its completion: the tokenizer's begin token where it has one, prompt, completion, end token; a row
 *   longer than `maxLength` loses tokens from the left of its prompt, never from its completion
 * - a conversation: what the chat template writes; the assistant's turns are learned. A longer one loses its oldest
 *   tokens, and an answer that is cut is no longer learned
 * - a text: all of it is learned; a longer one becomes several rows that share one token
 *
 * @returns the rows, how many were cut, and how many were left out because they have no token to learn
 * @throws RatchetError `E_DATA_INVALID` naming a row whose completion alone is too long, or a conversation without a
 *   template for it; `E_MODEL_INVALID` when the tokenizer is not the model's
 */
export function tokenizeRows(
  rows: readonly CausalRow[],
  encoder: Encoder,
): { rows: TokenRow[]; truncated: number; unsupervised: number } {
  const limit = Math.min(encoder.maxLength, encoder.config.maxPositions);
  let truncated = 0;
  let unsupervised = 0;
  const all = rows.flatMap((row) => {
    const encoded =
      'messages' in row
        ? encodeConversation(row, encoder, limit)
        : 'text' in row
          ? encodeText(row, encoder, limit)
          : encodeCompletion(row, encoder, limit);
    for (const { tokens } of encoded.rows) requireKnown(row.id, tokens, encoder.config.vocabularySize);
    if (encoded.truncated) truncated++;
    const learned = encoded.rows.filter((part) => learnedTokens(part) > 0);
    if (learned.length === 0) unsupervised++;
    return row.weight === undefined ? learned : learned.map((part) => ({ ...part, weight: row.weight! }));
  });
  return { rows: all, truncated, unsupervised };
}

/** Tokens that a row teaches: nothing before its first token could predict that one. */
export const learnedTokens = (row: TokenRow): number =>
  labelsOf(row)
    .slice(1)
    .filter((label) => label >= 0).length;

/**
 * The token behind an answer: the tokenizer's, as TRL has it, where the model knows it; the first that config.json names may
 * be another.
 */
export const endOf = ({ config, tokenizer }: Pick<Encoder, 'config' | 'tokenizer'>): number | null =>
  [tokenizer.endId, ...config.endIds].find((id) => id !== null && id < config.vocabularySize) ?? null;

function encodeCompletion(
  { id, prompt, completion, fromTemplate }: TrainingRow,
  encoder: Encoder,
  limit: number,
): Encoded {
  const { tokenizer } = encoder;
  const end = endOf(encoder);
  const answer = tokenizer.encode(completion);
  if (end !== null) answer.push(end);
  const { ids, added } = encodePrompt(tokenizer, prompt, { fromTemplate });
  const [begin, question] = [ids.slice(0, added), ids.slice(added)];
  const room = limit - answer.length - added;
  if (room < 0 || (room === 0 && question.length > 0))
    throw bad(
      `Row "${id}": its completion has ${answer.length} tokens, and a row may have ${limit} with at least one of its prompt.`,
      'Raise training.maxLength (up to the model’s positions), or drop the row.',
    );
  const kept = [...begin, ...question.slice(Math.max(0, question.length - room))];
  return {
    rows: [{ id, tokens: [...kept, ...answer], promptLength: kept.length }],
    truncated: kept.length < ids.length,
  };
}

function encodeConversation({ id, messages, tools }: ChatRow, encoder: Encoder, limit: number): Encoded {
  const { tokenizer, template } = encoder;
  if (!template)
    throw bad(
      `Row "${id}": it is a conversation, and the model has no chat template.`,
      'Add chat_template.jinja to the model folder, or train on prompts with completions.',
    );
  const { ids, assistantMask } = namingRow(id, () => encodeChat(template, tokenizer, messages, { tools }));
  const cut = Math.max(0, ids.length - limit);
  const learned = assistantMask.slice(cut);
  if (cut > 0 && assistantMask[cut - 1] === 1) for (let place = 0; learned[place] === 1; place++) learned[place] = 0;
  if (cut > 0 && !learned.includes(1) && assistantMask.includes(1))
    throw bad(
      `Row "${id}": its last answer does not fit into the ${limit} tokens that a row may have.`,
      'Raise training.maxLength (up to the model’s positions), or drop the row.',
    );
  const first = learned.indexOf(1);
  const promptLength = first < 0 ? learned.length : first;
  return { rows: [{ id, tokens: ids.slice(cut), promptLength, learned }], truncated: cut > 0 };
}

function encodeText({ id, text }: TextRow, encoder: Encoder, limit: number): Encoded {
  const { ids } = encodePrompt(encoder.tokenizer, text);
  const end = endOf(encoder);
  if (end !== null && ids.at(-1) !== end) ids.push(end);
  const rows: TokenRow[] = [];
  // The last token of a part is the first of the next, so that each token but the first is predicted once.
  for (let start = 0; start === 0 || start + 1 < ids.length; start += Math.max(1, limit - 1)) {
    const part = rows.length === 0 ? id : `${id}#${rows.length + 1}`;
    rows.push({ id: part, tokens: ids.slice(start, start + limit), promptLength: 0 });
  }
  return { rows, truncated: false };
}

/** Refuses tokens that the model does not have. */
export function requireKnown(id: string, tokens: readonly number[], vocabularySize: number): void {
  const tooLarge = tokens.find((token) => token >= vocabularySize);
  if (tooLarge === undefined) return;
  throw new RatchetError(
    'E_MODEL_INVALID',
    `Row "${id}": token ${tooLarge} is outside the model's vocabulary of ${vocabularySize}.`,
    { hint: 'The tokenizer belongs to another model.' },
  );
}

function namingRow<T>(id: string, encode: () => T): T {
  try {
    return encode();
  } catch (error) {
    const { code, message, hint } = error as RatchetError;
    if (code !== 'E_DATA_INVALID') throw error;
    throw new RatchetError(code, `Row "${id}": ${message}`, { hint, cause: error });
  }
}
