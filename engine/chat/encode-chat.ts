import { RatchetError } from '../../config/errors.js';
import { toUtf16Offsets } from '../tokenizer/encoding.js';
import type { TextTokenizer } from '../tokenizer/tokenizer.js';
import type { ChatMessage, ChatOptions, ChatTemplate } from './chat-template.js';

/** [start, end) in UTF-16 units of the rendered text. */
export type TextSpan = [start: number, end: number];

export interface EncodedChat {
  text: string;
  ids: number[];
  /** 1 for the tokens that the assistant wrote: those that training learns. */
  assistantMask: number[];
}

/**
 * Where the assistant's turns are in the rendered conversation: from the end of the generation prompt to the end of
 * the turn, its end token included. Found by rendering the conversation turn by turn; turns with `weight` 0 are left
 * out.
 *
 * @throws RatchetError `E_DATA_INVALID` when a later turn changes the text of an earlier one: then no part of the text
 * belongs to one turn alone
 */
export function findAssistantSpans(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: Omit<ChatOptions, 'addGenerationPrompt'> = {},
): { text: string; spans: TextSpan[] } {
  const text = template.render(messages, options);
  const spans: TextSpan[] = [];
  messages.forEach((message, index) => {
    if (message.role !== 'assistant' || message['weight'] === 0) return;
    const before = template.render(messages.slice(0, index), { ...options, addGenerationPrompt: true });
    const after = template.render(messages.slice(0, index + 1), options);
    if (!after.startsWith(before) || !text.startsWith(after)) {
      throw new RatchetError(
        'E_DATA_INVALID',
        `message ${index + 1}: the chat template writes this turn differently when others follow, so its tokens cannot be told apart.`,
        { hint: 'Train on conversations of one answer (split longer ones), or use a template that only appends.' },
      );
    }
    spans.push([before.length, after.length]);
  });
  return { text, spans };
}

/**
 * Renders and tokenises a conversation for completion-only training. Special tokens come from the template alone. A
 * token counts as the assistant's when all of it lies in one of the assistant's turns.
 */
export function encodeChat(
  template: ChatTemplate,
  tokenizer: TextTokenizer,
  messages: readonly ChatMessage[],
  options: Omit<ChatOptions, 'addGenerationPrompt'> = {},
): EncodedChat {
  const { text, spans } = findAssistantSpans(template, messages, options);
  const { ids, offsets } = tokenizer.encodeFully(text);
  // A byte-level post-processor may trim a token of spaces alone, such as an indentation, to nothing at its end.
  const assistantMask = toUtf16Offsets(text, offsets).map(([start, end]) =>
    spans.some(([from, to]) => end <= to && (start === end ? end > from : start >= from)) ? 1 : 0,
  );
  return { text, ids, assistantMask };
}
