import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../../engine/formats/safetensors.js';
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

  it('reads the keys of other versions, and a config with more fields and its lists in any order', async () => {
    const source = join(fixtures, 'llama', 'final');
    const { tensors } = await readSafetensors(join(source, 'adapter_model.safetensors'));
    const expected = await readAdapter(source);
    const head = { dtype: 'float32' as const, shape: [2], data: Float32Array.of(1, 2) };
    const older = new Map([...tensors].map(([key, tensor]) => [key.replace('.weight', '.default.weight'), tensor]));
    older.set('base_model.model.score.modules_to_save.default.weight', head);
    older.set('base_model.model.score.original_module.weight', head);
    older.set('model.layers.0.mlp.up_proj.lora_magnitude_vector.default.weight', head);
    await writeSafetensors(join(folder, 'adapter_model.safetensors'), older);
    const config = JSON.parse(await readFile(join(source, 'adapter_config.json'), 'utf8')) as object;
    const changed = { ...config, target_modules: ['v_proj', 'q_proj'], new_in_peft_9: { any: 1 } };
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(changed));
    const read = await readAdapter(folder);
    expect(new Set(read.tensors.keys())).toEqual(
      new Set([
        ...expected.tensors.keys(),
        'base_model.model.score.weight',
        'base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector',
      ]),
    );
    expect({ ...read.config, targetModules: [] }).toEqual({ ...expected.config, targetModules: [] });
    older.set('base_model.model.score.weight', head);
    await writeSafetensors(join(folder, 'adapter_model.safetensors'), older);
    await expect(readAdapter(folder)).rejects.toThrow(/several adapters/);
  });

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

  // Fields of PEFT 0.21.2's LoraConfig that change what the same tensors compute.
  it.each([
    ['alora_invocation_tokens', [5, 6]],
    ['layer_replication', [[0, 1]]],
    ['use_bdlora', { nblocks: 2 }],
    ['use_qalora', true],
    ['kasa_config', {}],
  ])('refuses %s, and takes it where it is off', async (name, value) => {
    const text = await readFile(join(fixtures, 'llama', 'final', 'adapter_config.json'), 'utf8');
    const config = JSON.parse(text) as object;
    expect(() => parseAdapterConfig('a.json', JSON.stringify({ ...config, [name]: value }))).toThrow(
      `${name} is ${JSON.stringify(value)}, which is not supported`,
    );
    for (const off of [null, false])
      expect(parseAdapterConfig('a.json', JSON.stringify({ ...config, [name]: off })).r).toBe(4);
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
