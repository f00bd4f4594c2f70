import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import { fromUnit } from './latent.js';
import type { Sampler } from './sampler.js';

/** Degree, coefficients and first direction numbers of dimensions 2, 3 … (Joe & Kuo 2008, `new-joe-kuo-6.21201`). */
const DIRECTIONS: readonly (readonly [degree: number, coefficients: number, first: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
];

const BITS = 32;

/** Parameters that the Sobol sequence covers. */
export const MOST_SOBOL_DIMENSIONS = DIRECTIONS.length + 1;

/** The 32 direction numbers of a dimension, 0 being van der Corput's sequence. */
function directionNumbers(dimension: number): Uint32Array {
  const numbers = new Uint32Array(BITS);
  if (dimension === 0) return numbers.map((_, bit) => 1 << (BITS - 1 - bit));
  const [degree, coefficients, first] = DIRECTIONS[dimension - 1]!;
  for (let bit = 0; bit < BITS; bit++) {
    if (bit < degree) {
      numbers[bit] = first[bit]! << (BITS - 1 - bit);
      continue;
    }
    let next = numbers[bit - degree]! ^ (numbers[bit - degree]! >>> degree);
    for (let k = 1; k < degree; k++) if ((coefficients >>> (degree - 1 - k)) & 1) next ^= numbers[bit - k]!;
    numbers[bit] = next;
  }
  return numbers;
}

/** Point `index` of the Sobol sequence in Gray-code order, as 32-bit fractions `[dimensions]`. */
export function sobolPoint(index: number, dimensions: number): Uint32Array {
  const gray = index ^ (index >>> 1);
  return Uint32Array.from({ length: dimensions }, (_, dimension) => {
    const numbers = directionNumbers(dimension);
    let value = 0;
    for (let bit = 0; bit < BITS; bit++) if ((gray >>> bit) & 1) value ^= numbers[bit]!;
    return value;
  });
}

/**
 * Sobol's sequence with a random digital shift per study: trials fill the space more evenly than independent draws
 * (Sobol 1967; shift after Cranley & Patterson). Each block of 2^k trials hits each 2^k-th of every range once.
 *
 * @throws RatchetError `E_DATA_INVALID` for more parameters than there are direction numbers
 */
export function createQuasiRandomSampler(): Sampler {
  return {
    name: 'quasi-random',
    suggest(study, number) {
      const dimensions = Object.keys(study.space).length;
      if (dimensions > MOST_SOBOL_DIMENSIONS) {
        throw new RatchetError('E_DATA_INVALID', `Study ${study.name} searches ${dimensions} parameters.`, {
          hint: `The quasi-random sampler knows ${MOST_SOBOL_DIMENSIONS} dimensions; use the random sampler.`,
        });
      }
      const draws = stream(study.seed, 'tuning', 'quasi-random', study.name);
      const shifts = Array.from({ length: dimensions }, () => draws.integer(2 ** 31) * 2 + draws.integer(2));
      const point = sobolPoint(number, dimensions);
      return fromUnit(
        shifts.map((shift, dimension) => ((point[dimension]! ^ shift) >>> 0) / 2 ** BITS),
        study.space,
      );
    },
  };
}
