import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadTokenizer } from '../../engine/tokenizer/tokenizer.js';
import type { CaseRecorder } from './report.js';

interface TokenizerCase {
  text: string;
  ids: number[];
  ids_no_special: number[];
  decoded: string;
  decoded_skip_special: string;
}

interface TokenizerExpectation {
  cases: TokenizerCase[];
  pairs: unknown[];
  truncation_and_padding: unknown[];
}

/** tokenizers/KIND: ids with and without special tokens, and both decodings. Offsets have no implementation yet. */
export async function checkTokenizer(folder: string, record: CaseRecorder): Promise<void> {
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as TokenizerExpectation;
  const tokenizer = await loadTokenizer(folder);
  expected.cases.forEach((item, index) => {
    record.equal(`${index}/ids`, tokenizer.encode(item.text, { addSpecialTokens: true }), item.ids);
    record.equal(`${index}/ids_no_special`, tokenizer.encode(item.text), item.ids_no_special);
    record.equal(`${index}/decoded`, tokenizer.decode(item.ids, { skipSpecialTokens: false }), item.decoded);
    record.equal(`${index}/decoded_skip_special`, tokenizer.decode(item.ids), item.decoded_skip_special);
    record.unknown(`${index}/offsets`, 'offsets are not implemented');
  });
  expected.pairs.forEach((_, index) => record.unknown(`pair-${index}`, 'pairs are not implemented'));
  expected.truncation_and_padding.forEach((_, index) => {
    record.unknown(`truncation-${index}`, 'truncation and padding by the tokenizer are not implemented');
  });
}
