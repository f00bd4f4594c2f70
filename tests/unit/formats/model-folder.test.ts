import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelConfigJson } from '../../../engine/formats/model-folder.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { TINY_CONFIG } from '../train/tiny-model.js';

describe('the config.json of a model that is written', () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'ratchet-model-folder-'))));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  // transformers 5.23.0 checks types: T5Config(initializer_factor=1) is an error, 1.0 is not.
  it('has its numbers as the base has them', async () => {
    const numbers = [
      '"initializer_factor": 1.0',
      '"layer_norm_epsilon": 1e-06',
      '"scale": -2.50',
      '"whole": 12',
      '"big": 12345678901234567890',
      '"text": "1.0 \\" 2.0"',
      '"list": [1.0, 2]',
    ];
    const base = JSON.stringify({ ...TINY_CONFIG, torch_dtype: 'float16' });
    await writeFile(join(folder, 'config.json'), `${base.slice(0, -1)}, ${numbers.join(', ')}}`);
    const written = await modelConfigJson(folder, parseModelConfig('tiny', base));
    const lines = written.replaceAll(/\[\s+([^\]]*?)\s+\]/g, (_, list: string) => `[${list.replaceAll(/\s+/g, ' ')}]`);
    for (const number of numbers) expect(lines).toContain(number);
    expect(JSON.parse(written)).toMatchObject({ ...TINY_CONFIG, dtype: 'float32' });
    expect(written).not.toContain('torch_dtype');
  });
});
