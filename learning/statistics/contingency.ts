import { chiSquareSf } from './distributions.js';
import { logChoose } from './gamma-functions.js';
import type { PValues } from './p-values.js';

/** [[a, b], [c, d]]: counts of two groups (rows) with two outcomes (columns). */
export type Table2x2 = readonly [readonly [number, number], readonly [number, number]];

export interface FisherTest {
  /** ad / bc; Infinity when only bc is 0, NaN when a row or column is empty. */
  oddsRatio: number;
  p: PValues;
}

/** Tables as likely as the observed one up to rounding count as equal (R's fisher.test). */
const RELATIVE_TOLERANCE = 1e-7;

/** Fisher's exact test; two-sided by the tables that are at most as likely (scipy.stats.fisher_exact). */
export function fisherExactTest(table: Table2x2): FisherTest {
  const [[a, b], [c, d]] = table;
  if (a + b === 0 || c + d === 0 || a + c === 0 || b + d === 0) {
    return { oddsRatio: NaN, p: { twoSided: 1, less: 1, greater: 1 } };
  }
  const total = a + b + c + d;
  const low = Math.max(0, a + c - (c + d));
  const high = Math.min(a + b, a + c);
  const p: PValues = { twoSided: 0, less: 0, greater: 0 };
  const mass = (k: number) => Math.exp(logChoose(a + b, k) + logChoose(c + d, a + c - k) - logChoose(total, a + c));
  const observed = mass(a);
  for (let k = low; k <= high; k++) {
    const value = mass(k);
    if (k <= a) p.less += value;
    if (k >= a) p.greater += value;
    if (value <= observed * (1 + RELATIVE_TOLERANCE)) p.twoSided += value;
  }
  const cap = (value: number) => Math.min(1, value);
  return {
    oddsRatio: b * c === 0 ? Infinity : (a * d) / (b * c),
    p: { twoSided: cap(p.twoSided), less: cap(p.less), greater: cap(p.greater) },
  };
}

export interface ChiSquareTest {
  statistic: number;
  df: number;
  p: number;
}

/**
 * Pearson's χ² test of independence, with Yates' correction on request (each deviation shrinks by at most ½). Null when
 * a row or column is empty.
 */
export function chiSquareIndependence(table: Table2x2, yates = false): ChiSquareTest | null {
  const rows = table.map(([left, right]) => left + right);
  const columns = [table[0][0] + table[1][0], table[0][1] + table[1][1]];
  if ([...rows, ...columns].includes(0)) return null;
  const total = rows[0]! + rows[1]!;
  let statistic = 0;
  table.forEach((row, i) =>
    row.forEach((observed, j) => {
      const expected = (rows[i]! * columns[j]!) / total;
      const deviation = Math.abs(observed - expected);
      statistic += (deviation - (yates ? Math.min(0.5, deviation) : 0)) ** 2 / expected;
    }),
  );
  return { statistic, df: 1, p: chiSquareSf(statistic, 1) };
}
