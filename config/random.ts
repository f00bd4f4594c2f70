import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** A stream of random draws. Two streams with one seed and purpose give the same draws on every machine. */
export interface Stream {
  /** Uniform in [0, 1), 53 bits. */
  float(): number;
  /** Uniform integer in 0 … n−1; `n` is an integer ≥ 1. */
  integer(n: number): number;
  /** One item, each as likely as the others; throws RangeError on an empty list. */
  pick<T>(items: readonly T[]): T;
  /** One item, item i with probability weights[i] / Σ weights; weights are ≥ 0 and not all 0. */
  weighted<T>(items: readonly T[], weights: readonly number[]): T;
  /** A new array in random order (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** Standard normal draw (Box–Muller). */
  normal(): number;
}

/**
 * The random stream of one purpose, for example `stream(7, 'selection', round)`. Streams of different purposes are
 * independent, so that a new draw in one place changes none elsewhere. Generator: xoroshiro128+ (Blackman & Vigna,
 * 2018) whose 128-bit state is a hash of the seed and the purpose. Plain JavaScript: it also runs in the workflow
 * sandbox.
 */
export function stream(seed: number, ...purpose: (string | number)[]): Stream {
  const generator = xoroshiro128plusFromState(hash128(JSON.stringify([seed, ...purpose])));
  const float = () => uniformFloat64(generator);
  const integer = (n: number) => {
    if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`integer(n) needs an integer n ≥ 1, not ${n}`);
    return uniformInt(generator, 0, n - 1);
  };
  let spare: number | null = null;
  return {
    float,
    integer,
    pick: (items) => items[integer(items.length)]!,
    weighted(items, weights) {
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      if (items.length !== weights.length || !(total > 0)) {
        throw new RangeError('weighted() needs as many weights as items and a positive sum');
      }
      let rest = float() * total;
      let last = 0;
      for (const [index, weight] of weights.entries()) {
        if (weight <= 0) continue;
        last = index;
        rest -= weight;
        if (rest < 0) break;
      }
      return items[last]!;
    },
    shuffle(items) {
      const result = [...items];
      for (let index = result.length - 1; index > 0; index--) {
        const other = integer(index + 1);
        [result[index], result[other]] = [result[other]!, result[index]!];
      }
      return result;
    },
    normal() {
      if (spare !== null) {
        const value = spare;
        spare = null;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - float()));
      const angle = 2 * Math.PI * float();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** Four 32-bit words of a text: four FNV-1a lanes with different offsets, each finished with MurmurHash3's mixer. */
function hash128(text: string): [number, number, number, number] {
  const lanes: [number, number, number, number] = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    for (let lane = 0; lane < 4; lane++) lanes[lane] = Math.imul(lanes[lane]! ^ (unit + lane), 0x01000193);
  }
  for (let lane = 0; lane < 4; lane++) {
    let word = lanes[lane]! ^ lanes[(lane + 1) % 4]!;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    lanes[lane] = (word ^ (word >>> 16)) | 0;
  }
  if (lanes.every((word) => word === 0)) lanes[0] = 1;
  return lanes;
}
