import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { encodePrompt } from '../../../engine/tokenizer/encode-prompt.js';
import { loadTokenizer } from '../../../engine/tokenizer/tokenizer.js';
import { tokenizeRows, type Encoder } from '../../../engine/train/encode-rows.js';
import { TINY_CONFIG } from '../train/tiny-model.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures/tokenizers');
const casesOf = (name: string) =>
  (
    JSON.parse(readFileSync(join(fixtures, name, 'expected.json'), 'utf8')) as {
      cases: { text: string; ids: number[]; ids_no_special: number[] }[];
    }
  ).cases;

describe('a text to be continued', () => {
  it('is encoded as the reference encodes a text, where its tokenizer puts a begin token in front', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'bpe_byte_fallback'));
    const cases = casesOf('bpe_byte_fallback').filter(({ text }) => !text.startsWith('<s>'));
    expect(cases.length).toBeGreaterThan(20);
    for (const { text, ids } of cases) expect(encodePrompt(tokenizer, text)).toEqual({ ids, added: 1 });
  });

  it.each([
    ['unigram', []],
    ['wordpiece', ['[CLS]']],
    ['bpe_bytelevel', []],
  ])('has nothing behind it that would end it: %s', async (name, begin) => {
    const tokenizer = await loadTokenizer(join(fixtures, name));
    for (const { text, ids, ids_no_special: plain } of casesOf(name).slice(0, 20)) {
      const encoded = encodePrompt(tokenizer, text);
      expect(encoded.ids).toEqual([...ids.slice(0, begin.length), ...plain]);
      expect(encoded.added).toBe(begin.length);
    }
  });

  it('has its begin token whatever the letters of the vocabulary', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ratchet-letters-'));
    try {
      const special = { id: 4, content: '<s>', special: true, normalized: false };
      const template = {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
        special_tokens: { '<s>': { id: '<s>', ids: [4], tokens: ['<s>'] } },
      };
      const model = { type: 'BPE', vocab: { A: 0, C: 1, G: 2, T: 3, '<s>': 4 }, merges: [] };
      const json = { model, added_tokens: [special], post_processor: template };
      await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
      const tokenizer = await loadTokenizer(folder);
      expect(encodePrompt(tokenizer, 'ACGT')).toEqual({ ids: [4, 0, 1, 2, 3], added: 1 });
      expect(encodePrompt(tokenizer, '')).toEqual({ ids: [4], added: 1 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('has one begin token when a template wrote it already, or none when the template left it out', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'bpe_byte_fallback'));
    const written = encodePrompt(tokenizer, '<s>[INST] Hi [/INST]');
    expect(written.added).toBe(0);
    expect(written.ids.filter((id) => id === 1)).toEqual([1]);
    expect(encodePrompt(tokenizer, '<|user|>\nHi', { fromTemplate: true }).ids).toEqual(
      tokenizer.encode('<|user|>\nHi'),
    );
  });
});

describe('rows of a model whose tokenizer has a begin token', () => {
  const config = parseModelConfig('tiny', JSON.stringify({ ...TINY_CONFIG, vocab_size: 700, eos_token_id: 2 }));
  const encoderOf = async (maxLength = 64): Promise<Encoder> => ({
    tokenizer: await loadTokenizer(join(fixtures, 'bpe_byte_fallback')),
    config,
    maxLength,
  });

  it('begin with it, do not learn it, and keep it when the prompt is cut', async () => {
    const encoder = await encoderOf();
    const { tokenizer } = encoder;
    const row = { id: '1', prompt: 'Where is it?', completion: ' Here.' };
    const [first] = tokenizeRows([row], encoder).rows;
    const [question, answer] = [tokenizer.encode(row.prompt), tokenizer.encode(row.completion)];
    expect(first!.tokens).toEqual([1, ...question, ...answer, 2]);
    expect(first!.promptLength).toBe(1 + question.length);
    const limit = answer.length + 4;
    const cut = tokenizeRows([row], { ...encoder, maxLength: limit });
    expect(cut.rows[0]!.tokens).toEqual([1, ...question.slice(-2), ...answer, 2]);
    expect(cut.truncated).toBe(1);
  });

  it('end with the token that ends a text for the tokenizer, whichever the model names first', async () => {
    const encoder = await encoderOf();
    const several = {
      ...encoder,
      config: { ...config, endIds: [699, 2] },
      tokenizer: { ...encoder.tokenizer, endId: 2 },
    };
    for (const row of [
      { id: '1', prompt: 'Who?', completion: 'I' },
      { id: '2', text: 'I' },
    ])
      expect(tokenizeRows([row], several).rows[0]!.tokens.at(-1)).toBe(2);
  });

  it('end with a token that the model has, where that of the tokenizer is none', async () => {
    const encoder = await encoderOf();
    const added = { ...encoder, tokenizer: { ...encoder.tokenizer, endId: config.vocabularySize } };
    const [row] = tokenizeRows([{ id: '1', prompt: 'Who?', completion: 'I' }], added).rows;
    expect(row!.tokens.at(-1)).toBe(config.endIds[0]);
  });

  it('learn the first token of an answer without a prompt', async () => {
    const [row] = tokenizeRows([{ id: '1', prompt: '', completion: 'Yes' }], await encoderOf()).rows;
    expect(row).toMatchObject({ promptLength: 1 });
    expect(row!.tokens[0]).toBe(1);
  });

  it('have none where a template wrote the prompt without one', async () => {
    const row = { id: '1', prompt: '<|user|>', completion: 'Yes', fromTemplate: true };
    expect(tokenizeRows([row], await encoderOf()).rows[0]!.tokens).not.toContain(1);
  });

  it('have one in a text that writes it itself', async () => {
    const [row] = tokenizeRows([{ id: '1', text: '<s>Once' }], await encoderOf()).rows;
    expect(row!.tokens.filter((id) => id === 1)).toEqual([1]);
  });
});
