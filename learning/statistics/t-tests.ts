import { mean, standardDeviation, sumOfSquares, variance } from './descriptive.js';
import { studentQuantile } from './distributions.js';
import { studentPValues, type PValues } from './p-values.js';

export interface TTest {
  t: number;
  /** Degrees of freedom; Welch's are not whole. */
  df: number;
  p: PValues;
  /** Of the (difference of the) mean. */
  interval: [low: number, high: number];
}

/** t-test of mean(x) − mean(y) without assuming equal variances (Welch 1947; scipy.stats.ttest_ind(equal_var=False)). */
export function welchTest(x: readonly number[], y: readonly number[], level = 0.95): TTest {
  const [ofX, ofY] = [variance(x) / x.length, variance(y) / y.length];
  const df = (ofX + ofY) ** 2 / (ofX ** 2 / (x.length - 1) + ofY ** 2 / (y.length - 1));
  const difference = mean(x) - mean(y);
  // Two constant samples have no df, but a t that is 0/0 or infinite whatever it is: SciPy takes 1.
  const known = Number.isNaN(df) && !Number.isNaN(difference) ? 1 : df;
  return fromError(difference, Math.sqrt(ofX + ofY), known, level);
}

/** t-test of mean(x) − mean(y) with pooled variance (Student; scipy.stats.ttest_ind). */
export function studentTest(x: readonly number[], y: readonly number[], level = 0.95): TTest {
  const df = x.length + y.length - 2;
  const pooled = (sumOfSquares(x) + sumOfSquares(y)) / df;
  return fromError(mean(x) - mean(y), Math.sqrt(pooled * (1 / x.length + 1 / y.length)), df, level);
}

/** t-test of a zero mean difference of pairs; x and y have one length (scipy.stats.ttest_rel). */
export function pairedTTest(x: readonly number[], y: readonly number[], level = 0.95): TTest {
  return oneSampleTTest(
    x.map((value, index) => value - y[index]!),
    level,
  );
}

/** t-test of a zero mean; its interval is the t interval of the mean. */
export function oneSampleTTest(values: readonly number[], level = 0.95): TTest {
  return fromError(mean(values), standardDeviation(values) / Math.sqrt(values.length), values.length - 1, level);
}

function fromError(estimate: number, standardError: number, df: number, level: number): TTest {
  const t = estimate / standardError;
  const half = studentQuantile(0.5 + level / 2, df) * standardError;
  return { t, df, p: studentPValues(t, df), interval: [estimate - half, estimate + half] };
}
