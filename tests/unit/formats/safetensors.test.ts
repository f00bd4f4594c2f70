import { createHash } from 'node:crypto';
import { mkdtemp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import { fromFloat16 } from '../../../engine/formats/half.js';
import { readModelTensors, readSafetensors, toFloat16, writeSafetensors } from '../../../engine/formats/safetensors.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-formats-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A file with this header text (or object) and this much data. */
async function fileOf(header: unknown, data: Uint8Array = new Uint8Array(0), length?: bigint): Promise<string> {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length ?? BigInt(text.length));
  const path = join(folder, 'hostile.safetensors');
  await writeFile(path, Buffer.concat([size, text, data]));
  return path;
}

const f32 = (shape: number[], offsets: [number, number]): object => ({ dtype: 'F32', shape, data_offsets: offsets });

async function faultOf(path: string): Promise<string> {
  const error: unknown = await readSafetensors(path).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'E_MODEL_INVALID' });
  const { message } = error as Error;
  expect(message.startsWith(path)).toBe(true);
  return message.slice(path.length + 2);
}

describe('readSafetensors refuses hostile input', () => {
  const bytes = (count: number): Uint8Array => new Uint8Array(count);
  const cases: [string, unknown, Uint8Array, RegExp, bigint?][] = [
    ['a header longer than the file', '{}', bytes(0), /header should have 50 bytes/, 50n],
    ['a header of 2^63 bytes', '{}', bytes(0), /larger than the format allows/, 1n << 63n],
    ['a header that is not JSON', '{"a":', bytes(0), /not valid JSON/],
    ['a header that is a list', '[]', bytes(0), /not a JSON object/],
    [
      'a duplicate name',
      `{"a":${JSON.stringify(f32([1], [0, 4]))},"\\u0061":${JSON.stringify(f32([1], [0, 4]))}}`,
      bytes(4),
      /names "a" twice/,
    ],
    [
      'a duplicate field',
      '{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
      bytes(4),
      /names "dtype" twice/,
    ],
    ['an entry that is no object', { a: 3 }, bytes(0), /tensor "a": its entry is not an object/],
    [
      'an unknown type',
      { a: { dtype: 'F33', shape: [1], data_offsets: [0, 4] } },
      bytes(4),
      /tensor "a": its type "F33" is unknown/,
    ],
    [
      'float64',
      { a: { dtype: 'F64', shape: [1], data_offsets: [0, 8] } },
      bytes(8),
      /tensor "a": its type "F64" is not supported/,
    ],
    [
      'an inherited name as type',
      { a: { dtype: 'toString', shape: [1], data_offsets: [0, 4] } },
      bytes(4),
      /its type "toString" is unknown/,
    ],
    ['a negative size', { a: f32([-1], [0, 4]) }, bytes(4), /tensor "a": its shape/],
    ['a fractional size', { a: f32([0.5], [0, 2]) }, bytes(2), /tensor "a": its shape/],
    [
      'a product that overflows',
      { a: f32([4294967296, 4294967296], [0, 0]) },
      bytes(0),
      /tensor "a": its shape \[4294967296, 4294967296\] overflows/,
    ],
    [
      'a shape that disagrees with the range',
      { a: f32([2], [0, 4]) },
      bytes(4),
      /needs 8 bytes, but its data_offsets \[0, 4\] hold 4/,
    ],
    ['a reversed range', { a: f32([1], [4, 0]) }, bytes(4), /needs 4 bytes/],
    ['a range past the end', { a: f32([2], [0, 8]) }, bytes(4), /ends at byte 8, but the file holds only 4/],
    ['an overlap', { a: f32([2], [0, 8]), b: f32([1], [4, 8]) }, bytes(8), /tensor "b" overlaps/],
    ['a hole', { a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, bytes(12), /tensor "b" leaves a hole/],
    ['bytes after the last tensor', { a: f32([1], [0, 4]) }, bytes(6), /2 bytes after the last tensor/],
    ['metadata that is not text', { __metadata__: { step: 3 } }, bytes(0), /__metadata__/],
    [
      'a boolean of 2',
      { a: { dtype: 'BOOL', shape: [1], data_offsets: [0, 1] } },
      Uint8Array.of(2),
      /tensor "a" holds booleans/,
    ],
  ];
  it.each(cases)('%s', async (_name, header, data, message, length) => {
    expect(await faultOf(await fileOf(header, data, length))).toMatch(message);
  });

  it('a file of seven bytes', async () => {
    const path = join(folder, 'short.safetensors');
    await writeFile(path, new Uint8Array(7));
    expect(await faultOf(path)).toMatch(/7 bytes are too few/);
  });

  it('every proper prefix of a good file', async () => {
    const good = join(folder, 'good.safetensors');
    await writeSafetensors(good, new Map([['a', { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) }]]));
    const content = await readFile(good);
    const cut = join(folder, 'cut.safetensors');
    for (let size = 0; size < content.length; size++) {
      await writeFile(cut, content.subarray(0, size));
      await faultOf(cut);
    }
  });

  it('a missing file and a folder, each with its own code', async () => {
    await expect(readSafetensors(join(folder, 'none'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(readSafetensors(folder)).rejects.toMatchObject({ code: 'E_MODEL_INVALID' });
  });

  it('a name like __proto__ is only a name', async () => {
    const path = await fileOf('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', Uint8Array.of(7));
    const { tensors } = await readSafetensors(path);
    expect(tensors.get('__proto__')?.data).toEqual(Uint8Array.of(7));
  });
});

describe('writeSafetensors', () => {
  const every: [string, HostTensor][] = [
    ['z.float', { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1.5, -0, NaN, Infinity) }],
    ['a.bool', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
    ['b.byte', { dtype: 'uint8', shape: [1], data: Uint8Array.of(255) }],
    ['c.half', { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0x7bff) }],
    ['d.int', { dtype: 'int32', shape: [], data: Int32Array.of(-7) }],
    ['e.long', { dtype: 'int64', shape: [1], data: BigInt64Array.of(-1n) }],
    ['10', { dtype: 'float32', shape: [0, 4], data: new Float32Array(0) }],
    ['9', { dtype: 'float32', shape: [1], data: Float32Array.of(3) }],
  ];

  it('gives back what was written, each type and the empty tensor', async () => {
    const path = join(folder, 'a.safetensors');
    await writeSafetensors(path, new Map(every), { format: 'pt', note: 'é' });
    const { tensors, metadata } = await readSafetensors(path, { widen: false });
    expect(metadata).toEqual({ format: 'pt', note: 'é' });
    expect(new Map([...tensors].sort())).toEqual(new Map([...every].sort()));
    expect([...tensors.keys()]).toEqual(['e.long', '10', '9', 'z.float', 'd.int', 'c.half', 'b.byte', 'a.bool']);
  });

  it('writes the same bytes whatever the order of the map, and leaves no temporary file', async () => {
    const hash = async (entries: [string, HostTensor][]): Promise<string> => {
      const path = join(folder, 'b.safetensors');
      await writeSafetensors(path, new Map(entries));
      return createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    };
    expect(await hash(every)).toBe(await hash([...every].reverse()));
    expect(await readdir(folder)).toEqual(['b.safetensors']);
  });

  it('rewrites a file of the reference implementation byte for byte', async () => {
    const path = join(import.meta.dirname, '../../parity/fixtures/lora/base_llama/model.safetensors');
    const { tensors, metadata } = await readSafetensors(path);
    const copy = join(folder, 'copy.safetensors');
    await writeSafetensors(copy, tensors, metadata);
    expect((await readFile(copy)).equals(await readFile(path))).toBe(true);
  });

  it('says what to do when a folder is in the way', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(writeSafetensors(join(folder, 'file', 'x.safetensors'), new Map())).rejects.toMatchObject({
      code: 'E_DATA_FOLDER',
      hint: expect.stringContaining('folder') as string,
    });
  });
});

describe('float16', () => {
  it('is the identity over every finite half', () => {
    const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    expect(Buffer.from(toFloat16(fromFloat16(all)).buffer).equals(Buffer.from(all.buffer))).toBe(true);
  });

  it('widens to the values of IEEE 754', () => {
    const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x03ff, 0x7c00, 0x8000);
    expect([...fromFloat16(bits)]).toEqual([1, -2, 65504, 2 ** -14, 2 ** -24, 1023 * 2 ** -24, Infinity, -0]);
    expect(fromFloat16(Uint16Array.of(0x7e00))[0]).toBeNaN();
  });

  it('rounds to nearest, ties to even, over to infinity and under to zero', () => {
    const at = (value: number): number => toFloat16(Float32Array.of(value))[0]!;
    expect(at(1 + 2 ** -11)).toBe(0x3c00);
    expect(at(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(at(1 + 2 ** -11 + 2 ** -20)).toBe(0x3c01);
    expect(at(65519.996)).toBe(0x7bff);
    expect(at(65520)).toBe(0x7c00);
    expect(at(2 ** -25)).toBe(0);
    expect(at(2 ** -25 * 1.001)).toBe(1);
    expect(at(3 * 2 ** -25)).toBe(2);
    expect(at(2 ** -14 - 2 ** -26)).toBe(0x0400);
    expect(at(-Infinity)).toBe(0xfc00);
    expect(at(NaN) & 0x7c00).toBe(0x7c00);
    expect(at(NaN) & 0x3ff).not.toBe(0);
  });
});

describe('widening', () => {
  it('reads F16 and BF16 as float32 by default', async () => {
    const header = {
      b: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] },
      h: { dtype: 'F16', shape: [1], data_offsets: [4, 6] },
    };
    const data = Uint8Array.of(0x80, 0x3f, 0x49, 0xc0, 0x00, 0x3c);
    const { tensors } = await readSafetensors(await fileOf(header, data));
    expect(tensors.get('b')).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(1, -3.140625) });
    expect(tensors.get('h')).toEqual({ dtype: 'float32', shape: [1], data: Float32Array.of(1) });
  });
});

describe('readModelTensors', () => {
  const one = (value: number): HostTensor => ({ dtype: 'float32', shape: [1], data: Float32Array.of(value) });
  const index = async (map: Record<string, unknown>): Promise<void> => {
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  };

  it('joins the shards an index names', async () => {
    await writeSafetensors(join(folder, 'model-1.safetensors'), new Map([['a', one(1)]]));
    await writeSafetensors(join(folder, 'model-2.safetensors'), new Map([['b', one(2)]]));
    await index({ a: 'model-1.safetensors', b: 'model-2.safetensors' });
    const { tensors } = await readModelTensors(folder);
    expect(tensors.get('b')).toEqual(one(2));
    expect(tensors.size).toBe(2);
  });

  it.each(['../secret.safetensors', '/etc/secret.safetensors', 'a/../../b.safetensors', '..\\b.safetensors', 7])(
    'refuses a shard named %s',
    async (shard) => {
      await index({ a: shard });
      await expect(readModelTensors(folder)).rejects.toMatchObject({
        code: 'E_MODEL_INVALID',
        message: expect.stringMatching(/not a file name/) as string,
      });
    },
  );

  it('refuses an index that disagrees with its shards', async () => {
    await writeSafetensors(join(folder, 'model-1.safetensors'), new Map([['a', one(1)]]));
    await index({ a: 'model-1.safetensors', b: 'model-1.safetensors' });
    await expect(readModelTensors(folder)).rejects.toThrow(/"b" is missing/);
    await index({});
    await mkdir(join(folder, 'x'));
    expect((await readModelTensors(folder)).tensors.size).toBe(0);
  });
});
