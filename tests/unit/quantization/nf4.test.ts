import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import { quantizeAbsmax, recoverAbsmax } from '../../../engine/quantization/double-quantization.js';
import { codeAt, dequantizeNf4, NF4_LEVELS, quantizeNf4 } from '../../../engine/quantization/nf4.js';
import { dequantizeWeight, quantizedBytes, quantizeWeight } from '../../../engine/quantization/quantized-weight.js';

const draws = stream(1, 'nf4-test');
const normal = (size: number) => Float32Array.from({ length: size }, () => draws.normal());

describe('NF4', () => {
  it('is the identity on its own levels', () => {
    const weights = Float32Array.from(NF4_LEVELS, (level) => level * 3);
    const codes = quantizeNf4(weights);
    expect(Array.from(weights, (_, i) => codeAt(codes.packed, i))).toEqual(NF4_LEVELS.map((_, i) => i));
    expect(dequantizeNf4(codes, 16)).toEqual(weights);
  });

  it('puts the first number in the high half and fills an odd count up with the code of 0', () => {
    expect(Array.from(quantizeNf4(Float32Array.of(1, -1, 0.5)).packed)).toEqual([0xf0, (12 << 4) | 7]);
  });

  it('takes the nearest level in every block of 64, across rows', () => {
    const weights = normal(1000);
    const { packed, absmax } = quantizeNf4(weights);
    expect(absmax).toHaveLength(16);
    weights.forEach((weight, i) => {
      const scale = absmax[Math.floor(i / 64)]!;
      const distances = NF4_LEVELS.map((level) => Math.abs(level * scale - weight));
      expect(distances[codeAt(packed, i)]).toBeLessThanOrEqual(Math.min(...distances) + 1e-6);
    });
  });

  it('keeps a block of zeros at zero', () => {
    expect(dequantizeNf4(quantizeNf4(new Float32Array(70)), 70)).toEqual(new Float32Array(70));
  });

  // Codes and maxima of bitsandbytes 0.50.2 (CPU).
  describe('where the last bit decides, as bitsandbytes', () => {
    const codesOf = (weights: Float32Array) => {
      const { packed } = quantizeNf4(weights);
      return Array.from(weights, (_, i) => codeAt(packed, i));
    };
    const full = (...weights: number[]) => Float32Array.from({ length: 64 }, (_, i) => weights[i] ?? 0);

    it('compares with midpoints rounded to float32', () => {
      const around = [1, -0.8480963706970215, -0.6106328964233398, -0.33967941999435425, -0.23460739850997925];
      const weights = [...around, 0.5016634464263916, 0.8614784479141235];
      expect(codesOf(full(...weights)).slice(0, 7)).toEqual([15, 0, 1, 3, 4, 12, 14]);
    });

    it('multiplies a full block by the reciprocal, and divides one that is not full', () => {
      const weights = [3, -1.3799858093261719, -1.019038200378418, 1.1679376363754272];
      expect(codesOf(full(...weights)).slice(0, 4)).toEqual([15, 2, 3, 12]);
      expect(codesOf(Float32Array.from(weights))).toEqual([15, 2, 4, 11]);
    });

    it('divides by no less than 1e-38', () => {
      const denormal = [5e-39, -2e-39];
      expect(codesOf(full(...denormal)).slice(0, 3)).toEqual([12, 5, 7]);
      expect(quantizeNf4(full(...denormal)).absmax).toEqual(Float32Array.of(5e-39));
      expect(codesOf(Float32Array.from(denormal))).toEqual([12, 5]);
      expect(quantizeNf4(Float32Array.from(denormal)).absmax).toEqual(Float32Array.of(1e-38));
    });
  });
});

describe('double quantisation', () => {
  it('recovers each absmax to a hundredth of the spread of its 256', () => {
    const absmax = Float32Array.from(normal(700), (value) => 2 + value / 4);
    const nested = quantizeAbsmax(absmax);
    expect(nested.nestedAbsmax).toHaveLength(3);
    recoverAbsmax(nested).forEach((value, i) => {
      expect(Math.abs(value - absmax[i]!)).toBeLessThan(0.011 * nested.nestedAbsmax[Math.floor(i / 256)]!);
    });
  });

  // PyTorch 2.15 on a CPU in one thread: torch.tensor(values, dtype=torch.float32).mean(), the values by this generator.
  it.each([
    [3, 0.18411009013652802],
    [7, 0.2182835042476654],
    [320, 0.20050807297229767],
    [600, 0.19770480692386627],
    [1024, 0.19895581901073456],
    [2304, 0.19757501780986786],
    [5000, 0.20109859108924866],
    [20_000, 0.20127730071544647],
  ])('subtracts the mean of %i that torch finds, to the last bit', (size, mean) => {
    let state = 165;
    const absmax = Float32Array.from({ length: size }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return 0.05 + (0.3 * state) / 2 ** 32;
    });
    expect(quantizeAbsmax(absmax).offset).toBe(mean);
  });

  it('gives the mean back where all are the same', () => {
    expect(recoverAbsmax(quantizeAbsmax(new Float32Array(5).fill(0.75)))).toEqual(new Float32Array(5).fill(0.75));
  });
});

describe('a quantised weight', () => {
  const module = { name: 'm', inputs: 128, outputs: 192, bias: false };

  it('T5: takes at most 5 bits a number', () => {
    const weight = quantizeWeight(normal(128 * 192), { ...module, layout: 'out-in' });
    expect((8 * quantizedBytes(weight)) / (128 * 192)).toBeLessThanOrEqual(5);
  });

  it('has blocks along the inputs of one output in both layouts', () => {
    const rows = normal(128 * 192);
    const columns = Float32Array.from(rows, (_, i) => rows[(i % 192) * 128 + Math.floor(i / 192)]!);
    const a = quantizeWeight(rows, { ...module, layout: 'out-in' });
    const b = quantizeWeight(columns, { ...module, layout: 'in-out' });
    expect(b).toEqual(a);
    const restored = dequantizeWeight(b, 'in-out');
    expect(restored.shape).toEqual([128, 192]);
    const plain = dequantizeWeight(a, 'out-in').data;
    expect(restored.data[5 * 192 + 7]).toBe(plain[7 * 128 + 5]);
  });
});
