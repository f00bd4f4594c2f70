import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRatchetError } from '../../config/errors.js';
import { parseSafetensorsHeader } from '../../engine/formats/safetensors-header.js';
import { readModelTensors, readSafetensors } from '../../engine/formats/safetensors.js';
import { ARCHITECTURES, parseModelConfig, type ModelConfig } from '../../engine/nn/config.js';
import { parameterShapes } from '../../engine/nn/parameters.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A result, or the refusal; any other error fails the property. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (isRatchetError(error) && error.code === 'E_MODEL_INVALID') return null;
    throw error;
  }
}

const size = fc.oneof(
  fc.nat(12),
  fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, Number.MAX_VALUE, Number.NaN),
  fc.constant('4'),
);
const entry = fc.record(
  {
    dtype: fc.constantFrom('F32', 'F16', 'BF16', 'I64', 'U8', 'BOOL', 'F64', 'F8_E4M3', 'toString', 7),
    shape: fc.oneof(fc.array(size, { maxLength: 4 }), fc.constant(null)),
    data_offsets: fc.oneof(fc.array(size, { minLength: 1, maxLength: 3 }), fc.constant('0,4')),
  },
  { requiredKeys: [] },
);
const name = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('__proto__', 'constructor', '__metadata__', 'a'));
const header = fc.dictionary(name, fc.oneof(entry, fc.jsonValue()), { maxKeys: 4 });

describe('a safetensors header', () => {
  it('of any bytes is accepted or refused with E_MODEL_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(64), (bytes, data) => {
        attempt(() => parseSafetensorsHeader('f', bytes, data));
      }),
    );
  });

  it('that is accepted covers the data exactly, whatever it claims', () => {
    fc.assert(
      fc.property(header, fc.nat(64), (json, dataBytes) => {
        const parsed = attempt(() => parseSafetensorsHeader('f', Buffer.from(JSON.stringify(json)), dataBytes));
        if (!parsed) return;
        let at = 0;
        for (const { begin, end } of parsed.entries) {
          expect(begin).toBe(at);
          at = end;
        }
        expect(at).toBe(dataBytes);
      }),
      { numRuns: 500 },
    );
  });

  it('read from a file allocates no more than the file holds', async () => {
    const path = join(folder, 'any.safetensors');
    await fc.assert(
      fc.asyncProperty(
        header,
        fc.oneof(fc.bigInt(0n, 400n), fc.bigInt(0n, 2n ** 64n - 1n)),
        fc.uint8Array({ maxLength: 48 }),
        async (json, length, data) => {
          const text = Buffer.from(JSON.stringify(json));
          const prefix = Buffer.alloc(8);
          prefix.writeBigUInt64LE(length);
          const bytes = Buffer.concat([prefix, text, data]);
          await writeFile(path, bytes);
          const read = await readSafetensors(path).catch((error: unknown) => {
            if (isRatchetError(error) && error.code === 'E_MODEL_INVALID') return null;
            throw error;
          });
          // Half-precision types are widened to twice their bytes.
          for (const tensor of read?.tensors.values() ?? [])
            expect(tensor.data.byteLength).toBeLessThanOrEqual(2 * bytes.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('of an index leads to no file outside the folder', async () => {
    const hostile = fc.oneof(
      fc.constantFrom('../x.safetensors', '/etc/passwd', 'a/b.safetensors', '.safetensors', '..\\x.safetensors', 'a'),
      fc.string(),
      fc.jsonValue(),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (shard) => {
        await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { a: shard } }));
        const error: unknown = await readModelTensors(folder).catch((reason: unknown) => reason);
        expect(isRatchetError(error)).toBe(true);
        const plain = typeof shard === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors$/.test(shard);
        expect(error).toMatchObject({ code: plain ? 'E_NOT_FOUND' : 'E_MODEL_INVALID' });
      }),
      { numRuns: 60 },
    );
  });
});

const FIELDS = [
  'vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim',
  'max_position_embeddings rms_norm_eps rope_theta rope_scaling rope_parameters sliding_window use_sliding_window',
  'max_window_layers layer_types tie_word_embeddings attention_bias hidden_act eos_token_id pad_token_id n_embd n_head',
  'n_layer n_inner n_positions activation_function dim hidden_dim n_layers n_heads id2label num_labels type_vocab_size',
  'd_model d_kv d_ff num_layers num_decoder_layers num_heads relative_attention_num_buckets feed_forward_proj',
  'relative_attention_max_distance layer_norm_eps layer_norm_epsilon partial_rotary_factor decoder_start_token_id',
]
  .join(' ')
  .split(' ');
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 2, 4, 8, 64, 100) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, -1, 1.5, 2 ** 31, 1e9, 2 ** 53, 1e308, null, true, 'gelu', 'relu', '__proto__'),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  {
    weight: 1,
    arbitrary: fc.record({ rope_type: fc.constantFrom('linear', 'dynamic', 'llama3', 'yarn'), factor: fc.jsonValue() }),
  },
);
const required = [...FIELDS.slice(0, 6), 'n_embd', 'n_head', 'n_layer', 'dim', 'hidden_dim', 'n_layers', 'n_heads'];
const config = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...ARCHITECTURES) }, { weight: 1, arbitrary: fc.string() }),
    fc.record(Object.fromEntries(required.map((field) => [field, fc.constantFrom(2, 4, 8)]))),
    fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 5 }),
  )
  .map(([type, sound, changes]) => ({
    d_model: 8,
    d_ff: 8,
    num_heads: 2,
    num_layers: 2,
    ...sound,
    ...changes,
    model_type: type,
  }));

describe('a config.json', () => {
  it('of any text is accepted or refused with E_MODEL_INVALID', () => {
    fc.assert(fc.property(fc.string(), (text) => void attempt(() => parseModelConfig('config.json', text))));
    fc.assert(
      fc.property(fc.json(), (text) => void attempt(() => parseModelConfig('config.json', text))),
      { numRuns: 300 },
    );
  });

  it('that is accepted gives finite shapes for a bounded number of parameters', () => {
    let accepted = 0;
    fc.assert(
      fc.property(config, (json) => {
        const parsed: ModelConfig | null = attempt(() => parseModelConfig('config.json', JSON.stringify(json)));
        if (!parsed) return;
        accepted++;
        expect(parsed.layers).toBeLessThanOrEqual(4096);
        expect(Number.isFinite(parsed.normEpsilon)).toBe(true);
        for (const shape of parameterShapes(parsed).values())
          for (const extent of shape) expect(Number.isSafeInteger(extent) && extent > 0).toBe(true);
      }),
      { numRuns: 1000 },
    );
    // Otherwise the property would say nothing.
    expect(accepted).toBeGreaterThan(50);
  });
});
