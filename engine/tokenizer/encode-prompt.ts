import type { TextTokenizer } from './tokenizer.js';

/** A text to be continued, as tokens. */
export interface EncodedPrompt {
  ids: number[];
  /** How many of them, in front, come from the tokenizer and not from the text. */
  added: number;
}

/**
 * A text to be continued: with the tokens that the tokenizer's post-processor puts in front of one (Llama's begin token), as
 * transformers and TRL encode prompts, but without those it puts behind: the text goes on. They are not doubled where the
 * text begins with them already.
 *
 * @param options.fromTemplate a chat template wrote the text: its begin tokens, or their absence, are the template's choice
 */
export function encodePrompt(
  tokenizer: TextTokenizer,
  text: string,
  { fromTemplate = false }: { fromTemplate?: boolean | undefined } = {},
): EncodedPrompt {
  const ids = tokenizer.encode(text);
  if (fromTemplate) return { ids, added: 0 };
  const begin = tokenizer.beginIds;
  if (begin.every((id, place) => ids[place] === id)) return { ids, added: 0 };
  return { ids: [...begin, ...ids], added: begin.length };
}
