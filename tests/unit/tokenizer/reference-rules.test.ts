import { describe, expect, it } from 'vitest';
import { AlignedText } from '../../../engine/tokenizer/aligned-text.js';
import { readNormalizer } from '../../../engine/tokenizer/normalizers.js';
import { buildPipeline, type TokenizerPipeline } from '../../../engine/tokenizer/pipeline.js';
import { readPreTokenizer } from '../../../engine/tokenizer/pre-tokenizers.js';

// All expected values: tokenizers 0.23.3 for Python.

function normalize(part: object, text: string): string {
  return readNormalizer(part, 'normalizer')!(AlignedText.from(text)).text;
}

function split(part: object, text: string): string[] {
  return readPreTokenizer(part, 'pre_tokenizer')!(AlignedText.from(text)).map((piece) => piece.text);
}

const atRegex = (Regex: string): object => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });

/** Single letters and a space as tokens 1 … 27. */
function letters(parts: object): TokenizerPipeline {
  const vocab = [['<unk>', -100], ...[...'abcdefghijklmnopqrstuvwxyz '].map((letter) => [letter, -1])];
  return buildPipeline({ model: { type: 'Unigram', unk_id: 0, vocab }, ...parts }, 'letters');
}

const added = (id: number, content: string, more: object = {}): object => ({ id, content, normalized: false, ...more });

describe('patterns mean what they mean in Oniguruma', () => {
  it.each([
    ['(?i)[a-d]+|[^a-d]', 'aBe_D', ['aB', 'e', '_', 'D']],
    ['(?i:[^k])', 'kKK\u212aq', ['kKK\u212a', 'q']],
    ['(?<=[a-z])(?=[A-Z])', 'camelCaseId', ['camel', 'Case', 'Id']],
    ['\\bthe\\b', 'the éthe the', ['the', ' éthe ', 'the']],
    ['\\B', 'a b𝟙c', ['a b', '𝟙', 'c']],
    ['\\w+', 'x²½ ·é_', ['x²½', ' ·', 'é_']],
    ['x*', 'ax𝟙b', ['a', 'x', '𝟙', 'b']],
    ['\\Aa|c\\z', 'aacc', ['a', 'ac', 'c']],
    ['^.|.$', 'ab\nc𝟙', ['a', 'b', '\n', 'c', '𝟙']],
  ])('%s', (pattern, text, pieces) => {
    expect(split(atRegex(pattern), text)).toEqual(pieces);
  });

  it.each([
    ['[\\Wa]', 'uses \\W inside a class'],
    ['[a-z&&b]', 'uses an intersection of classes'],
    ['(?i)[!-\\x5a]', 'uses a range with an escape under the option i'],
    ['(?i)[\\x41-z]', 'uses a range with an escape under the option i'],
    ['a(?i)b|c', 'uses the option (?i) within a sequence'],
  ])('or are refused: %s', (pattern, reason) => {
    expect(() => split(atRegex(pattern), '')).toThrow(reason);
  });

  it('an empty match is replaced as well, unless it follows another match', () => {
    const ends = { type: 'Replace', pattern: { Regex: '\\s*$' }, content: '.' };
    expect(normalize(ends, '𝟙a')).toBe('𝟙a.');
    expect(normalize(ends, '𝟙a  ')).toBe('𝟙a.');
  });
});

describe('characters are classed by the older tables of the reference', () => {
  it('StripAccents takes spacing and enclosing marks too, but none newer than Unicode 9', () => {
    expect(normalize({ type: 'StripAccents' }, 'a\u0488\u0903\u0308b\u07fd')).toBe('ab\u07fd');
  });

  it('BertNormalizer takes non-spacing marks and controls of Unicode 8', () => {
    const bert = { type: 'BertNormalizer', strip_accents: true, lowercase: false };
    expect(normalize(bert, 'a\u0903\u0308\u00adb\u08e1\u0890')).toBe('a\u0903b\u08e1\u0890');
  });

  it('normalisation knows no character newer than Unicode 9', () => {
    expect(normalize({ type: 'NFKC' }, '\u32ff\u32fee\u0301')).toBe('\u32ff\u30f2\u00e9');
    expect(normalize({ type: 'NFD' }, 'a\u0301\u07fd\u0316')).toBe('a\u0301\u07fd\u0316');
  });

  it('punctuation is that of Unicode 8', () => {
    expect(split({ type: 'Punctuation', behavior: 'Isolated' }, 'a؝b⹃c!d⸺e')).toEqual(['a؝b⹃c', '!', 'd', '⸺', 'e']);
  });
});

describe('added tokens', () => {
  it('found in the normalised text decode as it, and are skipped only by their content', () => {
    const built = letters({
      normalizer: { type: 'Lowercase' },
      added_tokens: [
        added(28, 'AB', { normalized: true }),
        added(29, 'CD', { normalized: true, special: true }),
        added(30, '<s>', { special: true }),
      ],
    });
    const { ids } = built.encode('xABcd<s>');
    expect(ids).toEqual([24, 28, 29, 30]);
    expect(built.decode(ids, true)).toBe('x ab cd');
    expect(built.decode(ids, false)).toBe('x ab cd <s>');
  });

  it('that take white space along on both sides are found once in a run of it', () => {
    const built = letters({ added_tokens: [added(28, '  ', { lstrip: true, rstrip: true })] });
    expect(built.encode('      a')).toMatchObject({
      tokens: ['      ', 'a'],
      offsets: [
        [0, 6],
        [6, 7],
      ],
    });
  });

  it('that are the same after normalisation: the first is found', () => {
    const tokens = [added(28, 'AB', { normalized: true }), added(29, 'ab', { normalized: true })];
    const built = letters({ normalizer: { type: 'Lowercase' }, added_tokens: tokens });
    expect(built.encode('ab').ids).toEqual([28]);
  });
});

describe('offsets', () => {
  it.each([
    ['  foo', true, [2, 5]],
    [' foo ', true, [0, 4]],
    ['   ', true, [3, 3]],
    ['\tx', true, [0, 2]],
    ['  foo', false, [2, 5]],
    [' foo ', false, [1, 4]],
  ])('of a byte-level first token %j keep one space only where a prefix is added: %s', (text, prefix, offset) => {
    const built = buildPipeline(
      {
        model: { type: 'WordLevel', vocab: { u: 0, ĠĠfoo: 1, ĠfooĠ: 2, ĠĠĠ: 3, ĉx: 4 }, unk_token: 'u' },
        pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
        post_processor: { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true },
      },
      'bytes',
    );
    expect(built.encode(text).offsets).toEqual([offset]);
  });

  it('move to the left behind a character that a BPE without an unknown token drops', () => {
    const model = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] };
    const { encode } = buildPipeline({ model }, 'bpe');
    expect(encode('aéb𝟙ab')).toMatchObject({
      tokens: ['ab', 'ab'],
      offsets: [
        [0, 2],
        [1, 3],
      ],
    });
    expect(encode('éa漢b').offsets).toEqual([[0, 1]]);
  });
});

describe('BERT and RoBERTa processors', () => {
  const chained = (part: object): TokenizerPipeline =>
    letters({
      post_processor: {
        type: 'Sequence',
        processors: [
          part,
          {
            type: 'TemplateProcessing',
            single: [{ SpecialToken: { id: 'X', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
            pair: [
              { Sequence: { id: 'A', type_id: 0 } },
              { SpecialToken: { id: 'X', type_id: 1 } },
              { Sequence: { id: 'B', type_id: 1 } },
            ],
            special_tokens: { X: { id: 'X', ids: [5], tokens: ['X'] } },
          },
        ],
      },
    });
  const bert = { type: 'BertProcessing', sep: ['S', 2], cls: ['C', 1] };
  const roberta = { ...bert, type: 'RobertaProcessing', trim_offsets: false, add_prefix_space: false };

  it('give a processor that follows one encoding a text', () => {
    const pair = { pair: 'b', addSpecialTokens: true };
    expect(chained(bert).encode('a', pair)).toMatchObject({
      ids: [1, 1, 2, 5, 2, 2],
      typeIds: [0, 0, 0, 1, 1, 1],
      specialTokensMask: [1, 0, 1, 1, 0, 1],
    });
    expect(chained(roberta).encode('a', pair).ids).toEqual([1, 1, 2, 5, 2, 2, 2]);
    expect(chained(bert).encode('a', { addSpecialTokens: true }).ids).toEqual([5, 1, 1, 2]);
  });

  it('type RoBERTa’s second text 0 even without special tokens', () => {
    expect(letters({ post_processor: roberta }).encode('a', { pair: 'b' }).typeIds).toEqual([0, 0]);
    expect(letters({ post_processor: bert }).encode('a', { pair: 'b' }).typeIds).toEqual([0, 1]);
  });
});
