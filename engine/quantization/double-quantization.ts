import { blockMaxima, normalised } from './nf4.js';

/** Absmax values that share one scale of the second quantisation. */
export const NESTED_BLOCK = 256;

/** Absmax values as 8-bit indices into {@link NESTED_CODE}. */
export interface NestedAbsmax {
  /** `[blocks]` */
  codes: Uint8Array;
  /** Scale of each 256 of them. */
  nestedAbsmax: Float32Array;
  /** The mean that was subtracted first. */
  offset: number;
}

/** torch's `linspace` in float32: from both ends towards the middle. */
function linspace(start: number, end: number, count: number): number[] {
  const step = Math.fround((end - start) / (count - 1));
  return Array.from({ length: count }, (_, i) =>
    i < count / 2 ? Math.fround(start + step * i) : Math.fround(end - step * (count - 1 - i)),
  );
}

/**
 * bitsandbytes' dynamic 8-bit map (`create_dynamic_map()`; Dettmers 2016, section 3.1): a sign, then zeros that count the
 * decimal exponent, then a linear fraction. 256 sorted values from −0.9930 to 1, float32.
 */
export const NESTED_CODE: Float32Array = (() => {
  const values = [0, 1];
  for (let exponent = 0; exponent < 7; exponent++) {
    const bounds = linspace(Math.fround(0.1), 1, 2 ** exponent + 1);
    for (let i = 1; i < bounds.length; i++) {
      const mean = Math.fround(Math.fround(bounds[i - 1]! + bounds[i]!) / 2);
      const value = Math.fround(Math.fround(10 ** (exponent - 6)) * mean);
      values.push(value, -value);
    }
  }
  return Float32Array.from(values).sort();
})();

/** Steps of the grid to which bitsandbytes rounds a normalised value before it looks its code up. */
const GRID = 65535;

const MIDPOINTS = NESTED_CODE.slice(1).map((value, i) => (NESTED_CODE[i]! + value) / 2);

/** Code of a value in ±1 as bitsandbytes' CPU kernel finds it: the nearest one to the value's place in the grid. */
function nestedCode(value: number): number {
  const place = Math.trunc(Math.fround(Math.fround(Math.fround(value + 1) * 0.5 * GRID) + 0.5));
  const rounded = Math.fround(-1 + Math.fround((2 * place) / GRID));
  let low = 0;
  let high = MIDPOINTS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (MIDPOINTS[middle]! < rounded) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Running sums that torch's cascade keeps of each column, each of a level above. */
const LEVELS = 4;

/**
 * Float32 sums of the columns of the whole rows of `width` numbers: a level's sum is carried up once it has taken in at
 * least 16 of those below, so that numbers of like size are added.
 */
function cascadeSums(values: Float32Array, width: number): Float32Array {
  const rows = Math.floor(values.length / width);
  const power = Math.max(4, Math.floor(Math.ceil(Math.log2(rows)) / LEVELS));
  const levels = Array.from({ length: LEVELS }, () => new Float32Array(width));
  const add = (to: Float32Array, from: Float32Array) => from.forEach((value, column) => (to[column]! += value));
  for (let row = 1; row <= rows; row++) {
    add(levels[0]!, values.subarray((row - 1) * width, row * width));
    for (let level = 1; level < LEVELS && row % 2 ** (level * power) === 0; level++) {
      add(levels[level]!, levels[level - 1]!);
      levels[level - 1]!.fill(0);
    }
  }
  for (const level of levels.slice(1)) add(levels[0]!, level);
  return levels[0]!;
}

/**
 * Mean in float32, summed as torch does in one thread on AVX2 (`cascade_sum` in ATen/native/cpu/SumKernel.cpp), which
 * decides the last bit: in rows of 4 vectors of 8 numbers, or of 4 numbers where there are fewer than 8.
 */
function meanAsTorch(values: Float32Array): number {
  const lanes = values.length < 8 ? 1 : 8;
  const sums = cascadeSums(values, 4 * lanes);
  const inRows = values.length - (values.length % (4 * lanes));
  const inVectors = values.length - (values.length % lanes);
  for (let i = inRows; i < inVectors; i++) sums[i % lanes]! += values[i]!;
  for (let i = lanes; i < 4 * lanes; i++) sums[i % lanes]! += sums[i]!;
  let sum = 0;
  for (let i = inVectors; i < values.length; i++) sum = Math.fround(sum + values[i]!);
  for (let i = 0; i < lanes; i++) sum = Math.fround(sum + sums[i]!);
  return Math.fround(sum / Math.max(1, values.length));
}

/** Quantises the absmax values of the first quantisation (Dettmers et al. 2023, "double quantization"). */
export function quantizeAbsmax(absmax: Float32Array): NestedAbsmax {
  const offset = meanAsTorch(absmax);
  const centred = absmax.map((value) => value - offset);
  const nestedAbsmax = blockMaxima(centred, NESTED_BLOCK);
  const codes = Uint8Array.from(centred, (value, i) => {
    const maximum = nestedAbsmax[Math.floor(i / NESTED_BLOCK)]!;
    return maximum === 0 ? 0 : nestedCode(normalised(value, maximum));
  });
  return { codes, nestedAbsmax, offset };
}

/** The absmax values back: code · scale + offset, each in float32. */
export const recoverAbsmax = ({ codes, nestedAbsmax, offset }: NestedAbsmax): Float32Array =>
  Float32Array.from(codes, (code, i) =>
    Math.fround(Math.fround(NESTED_CODE[code]! * nestedAbsmax[Math.floor(i / NESTED_BLOCK)]!) + offset),
  );
