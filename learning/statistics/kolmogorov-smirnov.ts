import { countBelow } from './effect-size.js';

export interface KolmogorovSmirnov {
  /** Largest distance of the two empirical distribution functions. */
  distance: number;
  /** Value at which it occurs (the first in x, then in y). */
  location: number;
  /** 1 where the distribution function of x is the larger one, else −1. */
  sign: number;
}

/** Two-sample Kolmogorov–Smirnov statistic with its location and sign (scipy.stats.ks_2samp); NaN with a NaN in a sample. */
export function kolmogorovSmirnov(x: readonly number[], y: readonly number[]): KolmogorovSmirnov {
  if (x.some(Number.isNaN) || y.some(Number.isNaN)) return { distance: NaN, location: NaN, sign: NaN };
  const sortedX = [...x].sort((a, b) => a - b);
  const sortedY = [...y].sort((a, b) => a - b);
  let largest: [difference: number, at: number] = [-Infinity, NaN];
  let smallest: [difference: number, at: number] = [Infinity, NaN];
  for (const value of [...sortedX, ...sortedY]) {
    const difference = countBelow(sortedX, value, true) / x.length - countBelow(sortedY, value, true) / y.length;
    if (difference > largest[0]) largest = [difference, value];
    if (difference < smallest[0]) smallest = [difference, value];
  }
  return -smallest[0] > largest[0]
    ? { distance: -smallest[0], location: smallest[1], sign: -1 }
    : { distance: largest[0], location: largest[1], sign: 1 };
}
