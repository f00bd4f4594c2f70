import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toUtf16Offsets } from '../../engine/tokenizer/encoding.js';
import { loadTokenizer } from '../../engine/tokenizer/tokenizer.js';
import type { CaseRecorder } from './report.js';

interface TokenizerCase {
  text: string;
  ids: number[];
  tokens: string[];
  offsets: [number, number][];
  offsets_utf16: [number, number][];
  special_tokens_mask: number[];
  ids_no_special: number[];
  decoded: string;
  decoded_skip_special: string;
}

interface PairCase {
  text: string;
  pair: string;
  ids: number[];
  type_ids: number[];
  offsets: [number, number][];
}

interface TruncationCase {
  text: string;
  max_length: number;
  pad_to: number;
  pad_id: number;
  ids: number[];
  attention_mask: number[];
}

interface TokenizerExpectation {
  vocab_size: number;
  cases: TokenizerCase[];
  pairs: PairCase[];
  truncation_and_padding: TruncationCase[];
}

/** tokenizers/KIND: each field of each text, pair and truncated text. */
export async function checkTokenizer(folder: string, record: CaseRecorder): Promise<void> {
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as TokenizerExpectation;
  const tokenizer = await loadTokenizer(folder);
  record.equal('vocabulary_size', tokenizer.vocabularySize, expected.vocab_size);
  expected.cases.forEach((item, index) => {
    const encoding = tokenizer.encodeFully(item.text, { addSpecialTokens: true });
    record.equal(`${index}/ids`, encoding.ids, item.ids);
    record.equal(`${index}/ids_no_special`, tokenizer.encode(item.text), item.ids_no_special);
    record.equal(`${index}/tokens`, encoding.tokens, item.tokens);
    record.equal(`${index}/offsets`, encoding.offsets, item.offsets);
    record.equal(`${index}/offsets_utf16`, toUtf16Offsets(item.text, encoding.offsets), item.offsets_utf16);
    record.equal(`${index}/special_tokens_mask`, encoding.specialTokensMask, item.special_tokens_mask);
    record.equal(`${index}/decoded`, tokenizer.decode(item.ids, { skipSpecialTokens: false }), item.decoded);
    record.equal(`${index}/decoded_skip_special`, tokenizer.decode(item.ids), item.decoded_skip_special);
  });
  expected.pairs.forEach((item, index) => {
    const encoding = tokenizer.encodeFully(item.text, { pair: item.pair, addSpecialTokens: true });
    record.equal(`pair-${index}/ids`, encoding.ids, item.ids);
    record.equal(`pair-${index}/type_ids`, encoding.typeIds, item.type_ids);
    record.equal(`pair-${index}/offsets`, encoding.offsets, item.offsets);
  });
  expected.truncation_and_padding.forEach((item, index) => {
    const encoding = tokenizer.encodeFully(item.text, {
      addSpecialTokens: true,
      truncation: { maxLength: item.max_length },
      padding: { length: item.pad_to, id: item.pad_id },
    });
    record.equal(`truncation-${index}/ids`, encoding.ids, item.ids);
    record.equal(`truncation-${index}/attention_mask`, encoding.attentionMask, item.attention_mask);
  });
}
