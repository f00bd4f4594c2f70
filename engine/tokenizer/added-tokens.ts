import { AlignedText } from './aligned-text.js';
import type { JsonPart } from './json-part.js';
import type { Normalizer } from './normalizers.js';
import { escapeLiteral } from './regular-expression.js';

/** A token that is found in the text itself, before the model sees it. */
export interface AddedToken {
  id: number;
  content: string;
  /** Left out of decoded text unless asked for. */
  special: boolean;
  /** Matched in the normalised text instead of the original. */
  normalized: boolean;
  /** Not inside a word. */
  singleWord: boolean;
  /** Takes the white space before (after) it along. */
  stripsLeft: boolean;
  stripsRight: boolean;
}

/** A piece of text, or an added token found in it. */
export interface Segment {
  piece: AlignedText;
  token: AddedToken | null;
}

const ENDS_WITH_WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const STARTS_WITH_WORD = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

export function readAddedTokens(file: JsonPart): AddedToken[] {
  if (!file.has('added_tokens')) return [];
  return file.parts('added_tokens').map((part) => ({
    id: part.integer('id'),
    content: part.text('content'),
    special: part.flag('special', false),
    normalized: part.flag('normalized', true),
    singleWord: part.flag('single_word', false),
    stripsLeft: part.flag('lstrip', false),
    stripsRight: part.flag('rstrip', false),
  }));
}

/** What a token is found as and decoded to: the content, normalised where the token is looked for in normalised text. */
export function textInPipeline({ content, normalized }: AddedToken, normalizer: Normalizer | null): string {
  return normalized && normalizer !== null ? normalizer(AlignedText.from(content)).text : content;
}

/**
 * Takes the added tokens out of a text and normalises what lies between: first those matched in the original, then,
 * after normalisation, the others (`AddedVocabulary` of Rust `tokenizers`). Longest match first.
 */
export function createTokenFinder(
  tokens: readonly AddedToken[],
  normalizer: Normalizer | null,
): (text: string) => Segment[] {
  const inOriginal = matcher(tokens.filter((token) => !token.normalized).map((token) => [token.content, token]));
  const inNormalized = matcher(
    tokens.filter((token) => token.normalized).map((token) => [textInPipeline(token, normalizer), token]),
  );
  return (text) =>
    inOriginal(AlignedText.from(text)).flatMap((segment) =>
      segment.token !== null ? [segment] : inNormalized(normalizer?.(segment.piece) ?? segment.piece),
    );
}

function matcher(patterns: [string, AddedToken][]): (piece: AlignedText) => Segment[] {
  // Of tokens with one pattern the first is found.
  const known = new Map(patterns.filter(([pattern]) => pattern !== '').reverse());
  if (known.size === 0) return (piece) => (piece.text === '' ? [] : [{ piece, token: null }]);
  const longestFirst = [...known.keys()].sort((a, b) => b.length - a.length);
  const expression = new RegExp(longestFirst.map(escapeLiteral).join('|'), 'gu');
  return (piece) => {
    const segments: Segment[] = [];
    let last = 0;
    const put = (from: number, to: number, token: AddedToken | null): void => {
      if (to > from) segments.push({ piece: piece.slice(from, to), token });
    };
    for (const match of piece.text.matchAll(expression)) {
      const token = known.get(match[0])!;
      let [start, stop] = [match.index, match.index + match[0].length];
      const [before, after] = [piece.text.slice(0, start), piece.text.slice(stop)];
      if (token.singleWord && (ENDS_WITH_WORD.test(before) || STARTS_WITH_WORD.test(after))) continue;
      if (token.stripsLeft) {
        while (start > last && /\p{White_Space}/u.test(piece.text[start - 1]!)) start--;
        // The token before may have taken along more than lies between the two.
        start = Math.max(start, last);
      }
      if (token.stripsRight) stop += /^\p{White_Space}*/u.exec(after)![0].length;
      put(last, start, null);
      put(start, stop, token);
      last = stop;
    }
    put(last, piece.text.length, null);
    return segments;
  };
}
