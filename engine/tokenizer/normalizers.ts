import type { AlignedText, Change } from './aligned-text.js';
import { JsonPart } from './json-part.js';
import { COMBINING_MARK, NONSPACING_MARK, OTHER } from './older-unicode.js';
import { readPrecompiled } from './precompiled.js';
import { readPattern } from './split-text.js';
import { normalizeWithChanges, type NormalizationForm } from './unicode-normalization.js';

/** Changes a text before it is split, keeping track of where each character came from. */
export type Normalizer = (text: AlignedText) => AlignedText;

/** Such texts need none of the slow paths. */
const ASCII = /^[\0-\x7f]*$/;
const PRINTABLE_ASCII = /^[ -~]*$/;
const WHITE_SPACE = /^\p{White_Space}$/u;

/** The normaliser of a tokenizer.json part; null is none. Semantics of Rust `tokenizers` 0.23. */
export function readNormalizer(value: unknown, path: string): Normalizer | null {
  return value === null || value === undefined ? null : fromPart(JsonPart.from(value, path));
}

function fromPart(part: JsonPart): Normalizer {
  switch (part.type) {
    case 'Sequence': {
      const steps = part.parts('normalizers').map(fromPart);
      return (text) => steps.reduce((current, step) => step(current), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return unicodeForm(part.type);
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return withoutMarks(COMBINING_MARK);
    case 'BertNormalizer':
      return bertNormalizer(part);
    case 'Prepend': {
      const prefix = part.text('prepend');
      return (text) => text.prepend(prefix);
    }
    case 'Replace': {
      const find = readPattern(part);
      const content = part.text('content');
      return (text) => text.replace(find(text.text), content);
    }
    case 'Strip': {
      const [left, right] = [part.flag('strip_left'), part.flag('strip_right')];
      return (text) => strip(text, left, right);
    }
    case 'Nmt':
      return normalizeNmt;
    case 'Precompiled':
      return readPrecompiled(part);
    default:
      throw part.unsupported('normaliser');
  }
}

function unicodeForm(form: NormalizationForm): Normalizer {
  return (text) =>
    ASCII.test(text.text) || (form === 'NFC' && text.text.normalize(form) === text.text)
      ? text
      : text.transform(normalizeWithChanges(text.text, form));
}

/** Character by character, without the context rules of whole words (final sigma). */
const lowercase: Normalizer = (text) => {
  if (ASCII.test(text.text)) return text.withText(text.text.toLowerCase());
  const changes: Change[] = [];
  for (const source of text.text) {
    let change = 0;
    for (const character of source.toLowerCase()) {
      changes.push({ character, change });
      change = 1;
    }
  }
  return text.transform(changes);
};

function strip(text: AlignedText, left: boolean, right: boolean): AlignedText {
  const start = left ? (/^\p{White_Space}*/u.exec(text.text)?.[0].length ?? 0) : 0;
  let end = text.text.length;
  if (right) while (end > start && WHITE_SPACE.test(text.text[end - 1]!)) end--;
  return text.slice(start, end);
}

const withoutMarks =
  (mark: RegExp): Normalizer =>
  (text) =>
    ASCII.test(text.text) ? text : text.filter((character) => !mark.test(character));

function bertNormalizer(part: JsonPart): Normalizer {
  const lower = part.flag('lowercase', true);
  const steps: Normalizer[] = [];
  if (part.flag('clean_text', true)) steps.push(cleanText);
  if (part.flag('handle_chinese_chars', true)) steps.push(spaceIdeographs);
  if (part.flag('strip_accents', lower)) {
    steps.push(unicodeForm('NFD'), withoutMarks(NONSPACING_MARK));
  }
  if (lower) steps.push(lowercase);
  return (text) => steps.reduce((current, step) => step(current), text);
}

const cleanText: Normalizer = (text) => {
  if (PRINTABLE_ASCII.test(text.text)) return text;
  const kept = text.filter(
    (character) =>
      character !== '\0' && character !== '\ufffd' && (/[\t\n\r]/.test(character) || !OTHER.test(character)),
  );
  return kept.withText(kept.text.replace(/\p{White_Space}/gu, ' '));
};

const isIdeograph = (point: number): boolean =>
  (point >= 0x4e00 && point <= 0x9fff) ||
  (point >= 0x3400 && point <= 0x4dbf) ||
  (point >= 0x20000 && point <= 0x2a6df) ||
  (point >= 0x2a700 && point <= 0x2b73f) ||
  (point >= 0x2b740 && point <= 0x2b81f) ||
  (point >= 0x2b920 && point <= 0x2ceaf) ||
  (point >= 0xf900 && point <= 0xfaff) ||
  (point >= 0x2f800 && point <= 0x2fa1f);

const spaceIdeographs: Normalizer = (text) => {
  if (ASCII.test(text.text)) return text;
  const changes: Change[] = [];
  for (const character of text.text) {
    if (isIdeograph(character.codePointAt(0)!)) {
      changes.push({ character: ' ', change: 0 }, { character, change: 1 }, { character: ' ', change: 1 });
    } else changes.push({ character, change: 0 });
  }
  return text.transform(changes);
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const DROPPED_BY_NMT = new Set([...range(1, 8), 0x0b, ...range(0x0e, 0x1f), 0x7f, 0x8f, 0x9f]);

/** SentencePiece's clean-up for machine translation: drops controls, turns odd spaces into spaces. */
const normalizeNmt: Normalizer = (text) => {
  const kept = text.filter((character) => !DROPPED_BY_NMT.has(character.codePointAt(0)!));
  return kept.withText(kept.text.replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, ' '));
};
