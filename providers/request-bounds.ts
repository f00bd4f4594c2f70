import { RatchetError } from '../config/errors.js';
import type { CompletionRequest } from './provider.js';

/** Tokens that a chat template may put around a message. */
const TEMPLATE_TOKENS = 16;

export interface TokenBound {
  inputTokens: number;
  outputTokens: number;
}

/**
 * Upper bounds of what a request takes: a token of text is at least one byte, so the input has at most its bytes in
 * UTF-8 plus the template's tokens; the output has at most `maxTokens`.
 */
export function tokenBound({ messages, maxTokens }: CompletionRequest): TokenBound {
  const bytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content, 'utf8'), 0);
  return { inputTokens: bytes + TEMPLATE_TOKENS * (messages.length + 1), outputTokens: maxTokens };
}

/** @throws RatchetError `E_USAGE` naming the field that is out of range */
export function checkRequest({ messages, maxTokens, temperature, stop, seed }: CompletionRequest): void {
  const refuse = (field: string, rule: string) => {
    throw new RatchetError('E_USAGE', `a request to a language model: ${field} ${rule}`, {
      hint: 'Correct the request; nothing was sent.',
    });
  };
  const firstTurn = messages.findIndex(({ role }) => role !== 'system');
  if (firstTurn < 0) refuse('messages', 'must hold a message of the user');
  if (messages.slice(firstTurn).some(({ role }) => role === 'system'))
    refuse('messages', 'must have its system messages first');
  if (messages.at(-1)!.role !== 'user') refuse('messages', 'must end with a message of the user');
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) refuse('maxTokens', `is ${maxTokens}, not an integer ≥ 1`);
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2))
    refuse('temperature', `is ${temperature}, outside 0 … 2`);
  if (stop?.some((text) => text === '')) refuse('stop', 'has an empty text');
  if (seed !== undefined && (!Number.isSafeInteger(seed) || seed < 0)) refuse('seed', `is ${seed}, not an integer ≥ 0`);
}
