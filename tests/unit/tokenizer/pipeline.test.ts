import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildPipeline, type TokenizerPipeline } from '../../../engine/tokenizer/pipeline.js';
import { toUtf16Offsets } from '../../../engine/tokenizer/encoding.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures/tokenizers');

async function pipeline(kind: string, changes: Record<string, unknown> = {}): Promise<TokenizerPipeline> {
  const json = JSON.parse(await readFile(join(fixtures, kind, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
  return buildPipeline({ ...json, ...changes }, 'tokenizer.json');
}

/** A tokenizer of whole words, to look at one part alone: every word is its own unknown token. */
function words(parts: Record<string, unknown>): (text: string) => [string, number, number][] {
  const vocab = Object.fromEntries(Array.from({ length: 128 }, (_, code) => [String.fromCharCode(code), code]));
  const built = buildPipeline(
    {
      model: {
        type: 'Unigram',
        unk_id: 0,
        vocab: Object.keys(vocab).map((text) => [text === '\0' ? '<unk>' : text, text === '\0' ? -100 : -1]),
      },
      ...parts,
    },
    'words',
  );
  return (text) => {
    const { tokens, offsets } = built.encode(text);
    return tokens.map((token, index) => [token, ...offsets[index]!]);
  };
}

describe('offsets', () => {
  it('count code points of the original through decomposition, composition, case and compatibility', () => {
    const nfc = words({ normalizer: { type: 'NFC' } });
    expect(nfc('e\u0301x')).toEqual([
      ['é', 0, 1],
      ['x', 2, 3],
    ]);
    const nfkd = words({ normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKD' }, { type: 'Lowercase' }] } });
    expect(nfkd('🙂ﬁX½')).toEqual([
      ['🙂', 0, 1],
      ['f', 1, 2],
      ['i', 1, 2],
      ['x', 2, 3],
      ['1', 3, 4],
      ['⁄', 3, 4],
      ['2', 3, 4],
    ]);
  });

  it('follow replacements, prefixes and splits', () => {
    const replaced = words({ normalizer: { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' } });
    expect(replaced('a   b')).toEqual([
      ['a', 0, 1],
      [' ', 3, 4],
      ['b', 4, 5],
    ]);
    const prefixed = words({ normalizer: { type: 'Prepend', prepend: '_' } });
    expect(prefixed('ab')).toEqual([
      ['_', 0, 1],
      ['a', 0, 1],
      ['b', 1, 2],
    ]);
  });

  it('have a form in UTF-16 units', () => {
    expect(
      toUtf16Offsets('a🙂b', [
        [0, 1],
        [1, 2],
        [2, 3],
        [0, 0],
      ]),
    ).toEqual([
      [0, 1],
      [1, 3],
      [3, 4],
      [0, 0],
    ]);
  });
});

describe('splitting', () => {
  const split = (behavior: string, invert = false) => {
    const cut = words({ pre_tokenizer: { type: 'Split', pattern: { String: '-' }, behavior, invert } });
    // Unknown neighbours join only inside a word: an unknown character on both sides shows the borders.
    return cut('é-é--é').map(([token]) => token);
  };

  it('treats delimiters as asked', () => {
    expect(split('Removed')).toEqual(['é', 'é', 'é']);
    expect(split('Removed', true)).toEqual(['-', '-', '-']);
    expect(split('Isolated')).toEqual(['é', '-', 'é', '-', '-', 'é']);
  });

  it('reads patterns with the white space and case rules of the reference', () => {
    const cut = words({ pre_tokenizer: { type: 'Split', pattern: { Regex: "(?i:'s)|\\s" }, behavior: 'Removed' } });
    expect(cut("é'Sé\u0085é\ufeffé'ſ").map(([token]) => token)).toEqual(['é', 'é', 'é\ufeffé']);
    expect(() => words({ normalizer: { type: 'Replace', pattern: { Regex: '(?>a)' }, content: '' } })).toThrow(
      'atomic group',
    );
  });
});

describe('added tokens', () => {
  const token = (id: number, content: string, more: object = {}) => ({
    id,
    content,
    special: true,
    normalized: false,
    ...more,
  });

  it('are found before normalisation, longest first, with the white space they take along', () => {
    const cut = words({
      normalizer: { type: 'Lowercase' },
      added_tokens: [token(200, '<A>'), token(201, '<A>B'), token(202, '<L>', { lstrip: true, rstrip: true })],
    });
    expect(cut('X<A>B<A> <L>  y')).toEqual([
      ['x', 0, 1],
      ['<A>B', 1, 5],
      ['<A>', 5, 8],
      [' <L>  ', 8, 14],
      ['y', 14, 15],
    ]);
  });

  it('match the normalised text, or whole words only, where they say so', () => {
    const cut = words({
      normalizer: { type: 'Lowercase' },
      added_tokens: [token(200, 'ABC', { normalized: true, single_word: true })],
    });
    expect(cut('aBc abcd').map(([text]) => text)).toEqual(['abc', ' ', 'a', 'b', 'c', 'd']);
  });
});

describe('pairs, truncation and padding', () => {
  it('keeps the shorter text whole where it fits', async () => {
    const { encode } = await pipeline('wordpiece');
    const cut = (text: string, pair: string, maxLength: number, more = {}) =>
      encode(text, { pair, addSpecialTokens: true, truncation: { maxLength, ...more } }).sequences.filter(
        (sequence) => sequence !== null,
      );
    expect(cut('a', 'a a a a a', 7)).toEqual([0, 1, 1, 1]);
    expect(cut('a a a a a', 'a', 7)).toEqual([0, 0, 0, 1]);
    expect(cut('a a a a a', 'a a a a a', 8)).toEqual([0, 0, 1, 1, 1]);
    expect(cut('a a a a a', 'a', 7, { strategy: 'only-first' })).toEqual([0, 0, 0, 1]);
    expect(() => cut('a a a a a', 'a', 7, { strategy: 'only-second' })).toThrow('text 2 has 1 tokens');
  });

  it('fills up on the side that is asked for', async () => {
    const { encode } = await pipeline('wordpiece');
    const padding = { length: 4, id: 0, direction: 'left' as const };
    expect(encode('a', { addSpecialTokens: true, padding })).toMatchObject({
      attentionMask: [0, 1, 1, 1],
      specialTokensMask: [1, 1, 0, 1],
      offsets: [
        [0, 0],
        [0, 0],
        [0, 1],
        [0, 0],
      ],
    });
  });
});

describe('decoding', () => {
  it.each([
    ['always', 'a b'],
    ['never', '  a b'],
  ])('takes every replacement out of the first token, as Rust does, unless none is prepended: %s', (scheme, text) => {
    const vocab = { '▁▁a': 0, '▁b': 1 };
    const decoder = { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme };
    const built = buildPipeline({ model: { type: 'WordLevel', vocab, unk_token: '▁b' }, decoder }, 'words');
    expect(built.decode([0, 1], true)).toBe(text);
  });

  it('cleans up a WordPiece text by one rule more than transformers does', () => {
    const vocab = { I: 0, 'do not': 1, know: 2, '.': 3 };
    const decoder = { type: 'WordPiece', prefix: '##', cleanup: true };
    const built = buildPipeline({ model: { type: 'WordLevel', vocab, unk_token: 'I' }, decoder }, 'words');
    expect(built.decode([0, 1, 2, 3], true)).toBe("I don't know.");
  });
});

describe('hostile files', () => {
  it.each([
    [{ normalizer: { type: 'Nonsense' } }, 'tokenizer.json: normalizer is of type Nonsense'],
    [{ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }, 'cannot be read'],
    [{ model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b'] } }, 'outside the vocabulary'],
    [{ model: { type: 'WordPiece', vocab: { a: 0 } } }, '([UNK]) is not in the vocabulary'],
    [{ model: { type: 'BPE', vocab: { a: -1 }, merges: [] } }, 'gives a no id'],
    [{ added_tokens: [{ id: 'x', content: 'y' }] }, 'added_tokens[0].id is not an integer'],
    [{ decoder: { type: 'Strip', content: 5 } }, 'decoder.content is not one character'],
    [{ decoder: { type: 'Strip', content: '', start: 2e9, stop: 0 } }, 'decoder.content is not one character'],
  ])('are refused by the name of the part: %j', async (changes, message) => {
    await expect(pipeline('wordpiece', changes)).rejects.toMatchObject({
      code: 'E_MODEL_INVALID',
      message: expect.stringContaining(message) as string,
    });
  });
});
