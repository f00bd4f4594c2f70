/** The 16 values of NormalFloat4 (Dettmers et al. 2023, appendix E), float32. */
export const NF4_LEVELS: readonly number[] = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];

/** Weights that share one absmax. */
export const BLOCK = 64;
/** The code of 0, with which an odd count is filled up. */
const ZERO_CODE = 7;

/** Weights as 4-bit codes: two a byte, the first in the high half. */
export interface Nf4Codes {
  /** `[⌈size / 2⌉]` */
  packed: Uint8Array;
  /** Largest magnitude of each block of 64, `[⌈size / 64⌉]`. */
  absmax: Float32Array;
}

/** Halfway between two neighbouring levels, float32; what is equal takes the lower one, as bitsandbytes' `bucketize`. */
const MIDPOINTS = Float32Array.from(NF4_LEVELS.slice(1), (upper, i) => Math.fround(NF4_LEVELS[i]! + upper) / 2);

/** Index of the nearest level: a binary search written out, for it runs once for each weight. */
function nearestLevel(x: number): number {
  let code = x > MIDPOINTS[7]! ? 8 : 0;
  if (x > MIDPOINTS[code + 3]!) code += 4;
  if (x > MIDPOINTS[code + 1]!) code += 2;
  return x > MIDPOINTS[code]! ? code + 1 : code;
}

/** Largest magnitude of each block. */
export function blockMaxima(values: Float32Array, block: number): Float32Array {
  const maxima = new Float32Array(Math.ceil(values.length / block));
  for (let i = 0; i < values.length; i++) {
    const at = Math.floor(i / block);
    const magnitude = Math.abs(values[i]!);
    if (magnitude > maxima[at]!) maxima[at] = magnitude;
  }
  return maxima;
}

const withinOne = (x: number): number => Math.min(1, Math.max(-1, x));

/** A value divided by its block's maximum as bitsandbytes does it: times the float32 reciprocal, kept in ±1. */
export const normalised = (value: number, maximum: number): number =>
  withinOne(Math.fround(value * Math.fround(1 / maximum)));

/** What bitsandbytes divides by where a block's maximum is smaller, so that the reciprocal stays finite. */
const LEAST_MAXIMUM = Math.fround(1e-38);

/**
 * Codes of weights in row-major order; blocks cross row boundaries. As in bitsandbytes 0.50 on a CPU a last block that is
 * not full is divided by its maximum, which is not taken to be below {@link LEAST_MAXIMUM}.
 */
export function quantizeNf4(weights: Float32Array): Nf4Codes {
  const absmax = blockMaxima(weights, BLOCK);
  const packed = new Uint8Array(Math.ceil(weights.length / 2));
  for (let block = 0; block < absmax.length; block++) {
    const maximum = Math.max(absmax[block]!, LEAST_MAXIMUM);
    const end = (block + 1) * BLOCK;
    const full = end <= weights.length;
    if (!full) absmax[block] = maximum;
    for (let i = block * BLOCK; i < Math.min(weights.length, end); i++) {
      const x = full ? normalised(weights[i]!, maximum) : withinOne(Math.fround(weights[i]! / maximum));
      const code = nearestLevel(x);
      packed[i >> 1]! |= i % 2 === 0 ? code << 4 : code;
    }
  }
  if (weights.length % 2 === 1) packed[packed.length - 1]! |= ZERO_CODE;
  return { packed, absmax };
}

/** The weights that the codes stand for: level · absmax in float32. */
export function dequantizeNf4({ packed, absmax }: Nf4Codes, size: number): Float32Array {
  const weights = new Float32Array(size);
  for (let i = 0; i < size; i++) weights[i] = NF4_LEVELS[codeAt(packed, i)]! * absmax[Math.floor(i / BLOCK)]!;
  return weights;
}

/** The 4-bit code of element i. */
export const codeAt = (packed: Uint8Array, i: number): number =>
  i % 2 === 0 ? packed[i >> 1]! >> 4 : packed[i >> 1]! & 15;
