/** Arithmetic mean; NaN for an empty list. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Quantile with linear interpolation (type 7, numpy's default), `share` 0–1; NaN for an empty list. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return NaN;
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
  let variance = 0;
  values.forEach((value, index) => {
    covariance += (index - centre) * (value - average);
    variance += (index - centre) ** 2;
  });
  return covariance / variance;
}
