import { invalid, type JsonPart } from '../json-part.js';
import type { ModelToken, TokenModel } from './model.js';

/**
 * WordPiece: the longest token that fits, again and again; a word that cannot be covered, or of more than
 * `max_input_chars_per_word` characters, is one unknown token.
 */
export function readWordPiece(part: JsonPart, vocabulary: Map<string, number>): TokenModel {
  const prefix = part.text('continuing_subword_prefix', '##');
  const longest = part.integer('max_input_chars_per_word', 100);
  const unknown = part.text('unk_token', '[UNK]');
  const unknownId = vocabulary.get(unknown);
  if (unknownId === undefined) throw invalid(`${part.path}.unk_token`, `(${unknown}) is not in the vocabulary`);
  let longestToken = 1;
  for (const text of vocabulary.keys()) longestToken = Math.max(longestToken, text.length);

  return {
    vocabulary,
    tokenize(word) {
      const whole: ModelToken[] = [{ id: unknownId, text: unknown, start: 0, end: word.length }];
      if ([...word].length > longest) return whole;
      const tokens: ModelToken[] = [];
      for (let start = 0; start < word.length; ) {
        let end = Math.min(word.length, start + longestToken);
        let found: ModelToken | null = null;
        for (; end > start && found === null; end--) {
          const text = (start > 0 ? prefix : '') + word.slice(start, end);
          const id = vocabulary.get(text);
          if (id !== undefined) found = { id, text, start, end };
        }
        if (found === null) return whole;
        tokens.push(found);
        start = found.end;
      }
      return tokens;
    },
  };
}

/** Whole words only; others are the unknown token. */
export function readWordLevel(part: JsonPart, vocabulary: Map<string, number>): TokenModel {
  const unknown = part.text('unk_token', '<unk>');
  return {
    vocabulary,
    tokenize(word) {
      const id = vocabulary.get(word);
      if (id !== undefined) return [{ id, text: word, start: 0, end: word.length }];
      const unknownId = vocabulary.get(unknown);
      if (unknownId === undefined) throw invalid(`${part.path}.unk_token`, `(${unknown}) is not in the vocabulary`);
      return [{ id: unknownId, text: unknown, start: 0, end: word.length }];
    },
  };
}
