import { expect, it } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import { decodeBitsandbytes, encodeBitsandbytes } from '../../../engine/quantization/bitsandbytes.js';
import { NF4_LEVELS } from '../../../engine/quantization/nf4.js';
import { dequantizeWeight } from '../../../engine/quantization/quantized-weight.js';

const bytes = (data: Iterable<number>, ...shape: number[]): HostTensor => {
  const values = Uint8Array.from(data);
  return { dtype: 'uint8', shape: shape.length > 0 ? shape : [values.length], data: values };
};
const floats = (data: readonly number[]): HostTensor => ({
  dtype: 'float32',
  shape: [data.length],
  data: Float32Array.from(data),
});

// The state dictionary of bitsandbytes 0.50.2 (CPU): Linear4bit(4, 8) of random weights, compress_statistics off, which
// is how transformers writes a checkpoint unless it is asked for double quantisation.
const state = '{"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [8, 4]}';
const packed = [86, 89, 119, 147, 104, 139, 55, 171, 95, 86, 160, 214, 194, 27, 53, 221];
const stored = new Map([
  ['w', bytes(packed, 16, 1)],
  ['w.absmax', floats([0.46512147784233093])],
  ['w.quant_map', floats(NF4_LEVELS)],
  ['w.quant_state.bitsandbytes__nf4', bytes(Buffer.from(state))],
]);

it('reads a checkpoint without double quantisation, and writes it as it was', () => {
  const { weights, quantized } = decodeBitsandbytes('file', stored);
  expect(weights.size).toBe(0);
  const { shape, data } = dequantizeWeight(quantized.get('w')!, 'out-in');
  expect(shape).toEqual([8, 4]);
  expect([...(data as Float32Array)].slice(0, 4)).toEqual([
    -0.0859420895576477, -0.042349327355623245, -0.0859420895576477, 0.0748520940542221,
  ]);
  expect([...(data as Float32Array)].slice(-3)).toEqual([
    -0.0859420895576477, 0.26168525218963623, 0.26168525218963623,
  ]);
  expect(encodeBitsandbytes(quantized)).toEqual(stored);
});

it('refuses one whose absmax is not finite', () => {
  const broken = new Map([...stored, ['w.absmax', floats([NaN])] as const]);
  expect(() => decodeBitsandbytes('file', broken)).toThrow('"w.absmax" holds NaN at element 0');
});
