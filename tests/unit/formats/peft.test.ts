import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAdapterConfig, readAdapter, writeAdapter } from '../../../engine/formats/peft.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures/lora');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-peft-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('PEFT folders', () => {
  it.each(['llama', 'gpt2_randB'])(
    '%s: writes what PEFT wrote, weights byte for byte and config key for key',
    async (name) => {
      const source = join(fixtures, name, 'final');
      await writeAdapter(folder, await readAdapter(source));
      const weights = 'adapter_model.safetensors';
      expect((await readFile(join(folder, weights))).equals(await readFile(join(source, weights)))).toBe(true);
      const config = await readFile(join(folder, 'adapter_config.json'), 'utf8');
      const reference = await readFile(join(source, 'adapter_config.json'), 'utf8');
      expect(JSON.parse(config)).toEqual(JSON.parse(reference));
      expect(Object.keys(JSON.parse(config) as object)).toEqual(Object.keys(JSON.parse(reference) as object));
    },
  );

  it('keeps rank and alpha patterns', async () => {
    const adapter = await readAdapter(join(fixtures, 'llama', 'final'));
    adapter.config.rankPattern = { 'layers.1.q_proj': 8 };
    await writeAdapter(folder, adapter);
    expect((await readAdapter(folder)).config.rankPattern).toEqual({ 'layers.1.q_proj': 8 });
  });

  it('names file and field of a wrong config', async () => {
    const good = JSON.parse(await readFile(join(fixtures, 'llama/final/adapter_config.json'), 'utf8')) as object;
    const faultOf = (change: object): string => {
      try {
        parseAdapterConfig('adapter_config.json', JSON.stringify({ ...good, ...change }));
        return 'accepted';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(faultOf({})).toBe('accepted');
    expect(faultOf({ r: 0 })).toBe('adapter_config.json: field r is 0.');
    expect(faultOf({ lora_alpha: 'a' })).toBe('adapter_config.json: field lora_alpha is "a".');
    expect(faultOf({ target_modules: undefined })).toBe('adapter_config.json: field target_modules is missing.');
    expect(faultOf({ peft_type: 'IA3' })).toBe('adapter_config.json: peft_type is "IA3"; only "LORA" is supported.');
  });

  it('says which file is missing', async () => {
    await expect(readAdapter(folder)).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: expect.stringContaining('adapter_config.json') as string,
    });
    await writeFile(join(folder, 'adapter_config.json'), '{');
    await expect(readAdapter(folder)).rejects.toMatchObject({ code: 'E_MODEL_INVALID' });
  });
});
