import type { AlignedText } from './aligned-text.js';
import { BYTE_CHARACTERS } from './byte-level.js';
import { JsonPart } from './json-part.js';
import { PUNCTUATION as PUNCTUATION_CHARACTER } from './older-unicode.js';
import { findExpression, readBehavior, readPattern, splitText, type Finder } from './split-text.js';
import { escapeLiteral, translateRegularExpression } from './regular-expression.js';

/** Splits a normalised piece of text into the words that the model sees. */
export type PreTokenizer = (piece: AlignedText) => AlignedText[];

const GPT2 = findExpression(
  translateRegularExpression(
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    'GPT-2',
  ),
);
const WHITE_SPACE = findExpression(/\p{White_Space}/gu);
const PUNCTUATION = findExpression(PUNCTUATION_CHARACTER);
const DIGIT = findExpression(/\p{N}/gu);
/** Words as Rust's regular expressions know them (UTS 18), then runs of what is neither word nor white space. */
const WORDS = findExpression(
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
);

/** The pre-tokeniser of a tokenizer.json part; null keeps the text whole. Semantics of Rust `tokenizers` 0.23. */
export function readPreTokenizer(value: unknown, path: string): PreTokenizer | null {
  return value === null || value === undefined ? null : fromPart(JsonPart.from(value, path));
}

function fromPart(part: JsonPart): PreTokenizer {
  switch (part.type) {
    case 'Sequence': {
      const steps = part.parts('pretokenizers').map(fromPart);
      return (piece) => steps.reduce((pieces, step) => pieces.flatMap(step), [piece]);
    }
    case 'ByteLevel':
      return byteLevel(part);
    case 'Metaspace':
      return metaspace(part);
    case 'BertPreTokenizer':
      return (piece) =>
        splitText(piece, WHITE_SPACE, 'Removed').flatMap((word) => splitText(word, PUNCTUATION, 'Isolated'));
    case 'Whitespace':
      return (piece) => splitText(piece, WORDS, 'Removed', true);
    case 'WhitespaceSplit':
      return (piece) => splitText(piece, WHITE_SPACE, 'Removed');
    case 'Punctuation': {
      const behavior = readBehavior(part, 'Isolated');
      return (piece) => splitText(piece, PUNCTUATION, behavior);
    }
    case 'Digits': {
      const behavior = part.flag('individual_digits', false) ? 'Isolated' : 'Contiguous';
      return (piece) => splitText(piece, DIGIT, behavior);
    }
    case 'CharDelimiterSplit': {
      const find = literal(part.text('delimiter'));
      return (piece) => splitText(piece, find, 'Removed');
    }
    case 'Split': {
      const [find, behavior, invert] = [readPattern(part), readBehavior(part), part.flag('invert', false)];
      return (piece) => splitText(piece, find, behavior, invert);
    }
    default:
      throw part.unsupported('pre-tokeniser');
  }
}

const literal = (text: string): Finder => findExpression(new RegExp(escapeLiteral(text), 'gu'));

function byteLevel(part: JsonPart): PreTokenizer {
  const [prefix, split] = [part.flag('add_prefix_space', true), part.flag('use_regex', true)];
  return (piece) => {
    const text = prefix && !piece.text.startsWith(' ') ? piece.prepend(' ') : piece;
    const words = split ? splitText(text, GPT2, 'Isolated') : [text];
    return words.map((word) => word.toBytes(BYTE_CHARACTERS));
  };
}

function metaspace(part: JsonPart): PreTokenizer {
  const replacement = part.text('replacement', '▁');
  // Files from before `prepend_scheme` say `add_prefix_space`.
  const scheme = part.text('prepend_scheme', part.flag('add_prefix_space', true) ? 'always' : 'never');
  const split = part.flag('split', true);
  const [spaces, marks] = [literal(' '), literal(replacement)];
  return (piece) => {
    let text = piece.replace(spaces(piece.text), replacement);
    const first = text.original(0, 1)[0] === 0;
    if (!text.text.startsWith(replacement) && (scheme === 'always' || (scheme === 'first' && first))) {
      text = text.prepend(replacement);
    }
    return split ? splitText(text, marks, 'MergedWithNext') : [text];
  };
}
