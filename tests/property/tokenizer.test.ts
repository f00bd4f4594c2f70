import { join } from 'node:path';
import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toUtf16Offsets } from '../../engine/tokenizer/encoding.js';
import { loadTokenizer } from '../../engine/tokenizer/tokenizer.js';

const fixtures = join(import.meta.dirname, '../parity/fixtures/tokenizers');
const text = string({ unit: 'binary', maxLength: 60 });

describe('tokenizers', () => {
  it.each(['bpe_bytelevel', 'bpe_byte_fallback'])('%s: decoding what was encoded gives the text back', async (kind) => {
    const tokenizer = await loadTokenizer(join(fixtures, kind));
    assert(
      property(text, (original) => {
        const ids = tokenizer.encode(original);
        expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(original);
      }),
    );
  });

  it.each(['bpe_bytelevel', 'bpe_split_nfc', 'bpe_byte_fallback', 'wordpiece', 'unigram'])(
    '%s: offsets lie inside the text',
    async (kind) => {
      const tokenizer = await loadTokenizer(join(fixtures, kind));
      assert(
        property(text, (original) => {
          const offsets = toUtf16Offsets(original, tokenizer.encodeFully(original).offsets).flat();
          expect(Math.min(0, ...offsets)).toBe(0);
          expect(Math.max(0, ...offsets)).toBeLessThanOrEqual(original.length);
        }),
      );
    },
  );

  it.each(['bpe_bytelevel', 'bpe_byte_fallback'])('%s: tokens start in the order of the text', async (kind) => {
    const tokenizer = await loadTokenizer(join(fixtures, kind));
    assert(
      property(text, (original) => {
        const starts = tokenizer.encodeFully(original).offsets.map(([start]) => start);
        expect(starts).toEqual([...starts].sort((a, b) => a - b));
      }),
    );
  });
});
