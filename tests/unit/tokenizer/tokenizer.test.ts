import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../engine/tokenizer/tokenizer.js';

const fixture = join(import.meta.dirname, '../../parity/fixtures/tokenizers/bpe_bytelevel');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-tokenizer-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('loadTokenizer', () => {
  it('takes text apart and puts it together again', async () => {
    const tokenizer = await loadTokenizer(fixture);
    const text = 'An order has 2 items; naïve café 🙂\n\tx';
    const ids = tokenizer.encode(text);
    expect(ids.length).toBeGreaterThan(5);
    expect(Math.max(...ids)).toBeLessThan(tokenizer.vocabularySize);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(tokenizer.decode([])).toBe('');
  });

  it('takes special tokens from tokenizer_config.json and special_tokens_map.json', async () => {
    await copyFile(join(fixture, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    const special = (await loadTokenizer(folder)).decode([0], { skipSpecialTokens: false });
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: { content: special } }));
    await writeFile(
      join(folder, 'special_tokens_map.json'),
      JSON.stringify({ pad_token: special, unk_token: 'not a token' }),
    );
    expect(await loadTokenizer(folder)).toMatchObject({ beginId: null, endId: 0, padId: 0, unknownId: null });
  });

  it('cleans up spaces as transformers does where the model asks for it', async () => {
    await copyFile(join(fixture, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ clean_up_tokenization_spaces: true }));
    const tokenizer = await loadTokenizer(folder);
    expect(tokenizer.decode(tokenizer.encode('We do not know , they say .'))).toBe('We do not know, they say.');
  });

  it('says which file is missing or broken', async () => {
    const path = join(folder, 'tokenizer.json');
    await expect(loadTokenizer(folder)).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: expect.stringContaining(path) as string,
    });
    for (const text of ['{', '[]', '{}', '{"model":{"type":"NoSuchModel"}}']) {
      await writeFile(path, text);
      await expect(loadTokenizer(folder)).rejects.toMatchObject({
        code: 'E_MODEL_INVALID',
        message: expect.stringContaining(path) as string,
      });
    }
  });
});
