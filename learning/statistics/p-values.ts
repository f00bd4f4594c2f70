import { studentCdf, studentSf } from './distributions.js';

/** The p-values of one statistic: against a difference, against a smaller and against a larger one. */
export interface PValues {
  twoSided: number;
  less: number;
  greater: number;
}

/** Of a sample with a value that is not a number. */
export const UNDEFINED_P: Readonly<PValues> = { twoSided: NaN, less: NaN, greater: NaN };

/** Two-sided as twice the smaller one-sided, at most 1: the rule of SciPy's exact tests. */
export function doubledPValues(less: number, greater: number): PValues {
  return { twoSided: Math.min(1, 2 * Math.min(less, greater)), less: Math.min(1, less), greater: Math.min(1, greater) };
}

/** p-values of a statistic that follows Student's t under the null hypothesis. */
export function studentPValues(t: number, df: number): PValues {
  return doubledPValues(studentCdf(t, df), studentSf(t, df));
}
