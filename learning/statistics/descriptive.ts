/** Arithmetic mean; NaN for an empty list. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Quantile with linear interpolation (type 7, numpy's default), `share` 0–1; NaN for an empty list or with a NaN in it. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0 || values.some(Number.isNaN)) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

/** Middle value, or the mean of the two middle ones; NaN for an empty list. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Slope of the least-squares line through equally spaced values, in units per step; 0 for fewer than two. */
export function slope(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = (values.length - 1) / 2;
  const average = mean(values);
  let covariance = 0;
  let spread = 0;
  values.forEach((value, index) => {
    covariance += (index - centre) * (value - average);
    spread += (index - centre) ** 2;
  });
  return covariance / spread;
}

/** Median of the slopes between all pairs of points with different x (Theil 1950, Sen 1968); NaN without such a pair. */
export function theilSenSlope(x: readonly number[], y: readonly number[]): number {
  const slopes = x.flatMap((start, i) =>
    x.slice(i + 1).flatMap((end, gap) => (end === start ? [] : [(y[i + 1 + gap]! - y[i]!) / (end - start)])),
  );
  return median(slopes);
}

/** Sum of squared deviations from the mean. */
export function sumOfSquares(values: readonly number[]): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
}

/** Sample variance with n − 1 in the denominator; NaN for fewer than two values. */
export function variance(values: readonly number[]): number {
  return values.length < 2 ? NaN : sumOfSquares(values) / (values.length - 1);
}

/** Sample standard deviation (n − 1). */
export function standardDeviation(values: readonly number[]): number {
  return Math.sqrt(variance(values));
}

/** Interquartile range of type-7 quantiles. */
export function interquartileRange(values: readonly number[]): number {
  return quantile(values, 0.75) - quantile(values, 0.25);
}

/** Median absolute deviation from the median, not scaled. */
export function medianAbsoluteDeviation(values: readonly number[]): number {
  const centre = median(values);
  return median(values.map((value) => Math.abs(value - centre)));
}

/** Mean without the ⌊share · n⌋ smallest and as many largest values (scipy.stats.trim_mean). */
export function trimmedMean(values: readonly number[], share: number): number {
  const cut = Math.floor(share * values.length);
  return mean([...values].sort((a, b) => a - b).slice(cut, values.length - cut));
}

/**
 * m₃ / m₂^1.5; `unbiased` multiplies by √(n(n−1)) / (n−2), NaN below three values; NaN for a sample that is constant but
 * for rounding (scipy.stats.skew).
 */
export function skewness(values: readonly number[], unbiased = false): number {
  const n = values.length;
  const biased = centralMoment(values, 3) / scatter(values) ** 1.5;
  if (!unbiased) return biased;
  return n < 3 ? NaN : (biased * Math.sqrt(n * (n - 1))) / (n - 2);
}

/**
 * Excess kurtosis m₄ / m₂² − 3; `unbiased` is Fisher's k-statistic ratio, NaN below four values; NaN for a sample that is
 * constant but for rounding (scipy.stats.kurtosis).
 */
export function excessKurtosis(values: readonly number[], unbiased = false): number {
  const n = values.length;
  const biased = centralMoment(values, 4) / scatter(values) ** 2 - 3;
  if (!unbiased) return biased;
  return n < 4 ? NaN : ((n - 1) / ((n - 2) * (n - 3))) * ((n + 1) * biased + 6);
}

/** m₂, or NaN where it is no more than the rounding of the mean. */
function scatter(values: readonly number[]): number {
  const second = centralMoment(values, 2);
  return second <= (Number.EPSILON * mean(values)) ** 2 ? NaN : second;
}

function centralMoment(values: readonly number[], order: number): number {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** order));
}
