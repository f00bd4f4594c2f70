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

/** Of each two neighbouring levels the smallest float32 that is nearer to the upper one, as bitsandbytes rounds. */
const BOUNDARIES = Float32Array.from(NF4_LEVELS.slice(1), (upper, i) => firstNearer(NF4_LEVELS[i]!, upper));

/** bitsandbytes compares differences in float32 and takes the lower level on a tie. */
function firstNearer(lower: number, upper: number): number {
  let [from, to] = [lower, upper];
  for (;;) {
    const middle = Math.fround((from + to) / 2);
    if (middle === from || middle === to) return to;
    if (Math.fround(upper - middle) < Math.fround(middle - lower)) to = middle;
    else from = middle;
  }
}

/** Index of the nearest level: a binary search written out, for it runs once for each weight. */
function nearestLevel(x: number): number {
  let code = x >= BOUNDARIES[7]! ? 8 : 0;
  if (x >= BOUNDARIES[code + 3]!) code += 4;
  if (x >= BOUNDARIES[code + 1]!) code += 2;
  return x >= BOUNDARIES[code]! ? code + 1 : code;
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

/** A value divided by its block's maximum as bitsandbytes does it: times the float32 reciprocal, kept in ±1. */
export const normalised = (value: number, maximum: number): number =>
  Math.min(1, Math.max(-1, Math.fround(value * Math.fround(1 / maximum))));

/** Codes of weights in row-major order; blocks cross row boundaries. */
export function quantizeNf4(weights: Float32Array): Nf4Codes {
  const absmax = blockMaxima(weights, BLOCK);
  const packed = new Uint8Array(Math.ceil(weights.length / 2));
  for (let block = 0; block < absmax.length; block++) {
    const maximum = absmax[block]!;
    const end = Math.min(weights.length, (block + 1) * BLOCK);
    for (let i = block * BLOCK; i < end; i++) {
      const code = maximum === 0 ? ZERO_CODE : nearestLevel(normalised(weights[i]!, maximum));
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
