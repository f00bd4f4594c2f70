import { mean, quantile, standardDeviation } from './descriptive.js';
import { normalCdf, normalQuantile } from './normal.js';

export interface BootstrapSummary {
  /** The statistic of the sample itself. */
  estimate: number;
  /** Standard deviation of the resampled statistics. */
  standardError: number;
  /** The statistic of each resample, in the order of `indices`. */
  resampled: number[];
}

/** The statistic on given resamples: `indices[r]` holds the positions of resample r. */
export function bootstrap(
  values: readonly number[],
  statistic: (sample: readonly number[]) => number,
  indices: readonly (readonly number[])[],
): BootstrapSummary {
  const resampled = indices.map((positions) => statistic(positions.map((position) => values[position]!)));
  return { estimate: statistic(values), standardError: standardDeviation(resampled), resampled };
}

/** Percentile interval (Efron 1979) with type-7 quantiles. */
export function percentileInterval(summary: BootstrapSummary, level: number): [number, number] {
  const tail = (1 - level) / 2;
  return [quantile(summary.resampled, tail), quantile(summary.resampled, 1 - tail)];
}

/** Basic (reverse percentile) interval: twice the estimate less the opposite percentile. */
export function basicInterval(summary: BootstrapSummary, level: number): [number, number] {
  const [low, high] = percentileInterval(summary, level);
  return [2 * summary.estimate - high, 2 * summary.estimate - low];
}

export interface BcaInterval {
  biasCorrection: number;
  acceleration: number;
  /** Shares of the resampled distribution that are cut off. */
  shares: [number, number];
  interval: [number, number];
}

/**
 * Bias-corrected and accelerated interval (Efron 1987; scipy.stats.bootstrap(method='BCa')): the bias from the mean of
 * P(b < θ) and P(b ≤ θ), the acceleration by the jackknife. Null where every resample lies on one side or the jackknife's
 * deviations are too small to cube.
 */
export function bcaInterval(
  values: readonly number[],
  statistic: (sample: readonly number[]) => number,
  summary: BootstrapSummary,
  level: number,
): BcaInterval | null {
  const { estimate, resampled } = summary;
  const below = resampled.filter((value) => value < estimate).length;
  const atMost = resampled.filter((value) => value <= estimate).length;
  const biasCorrection = normalQuantile((below + atMost) / (2 * resampled.length));
  if (!Number.isFinite(biasCorrection)) return null;
  const jackknife = values.map((_, left) => statistic(values.filter((__, index) => index !== left)));
  const centre = mean(jackknife);
  const squares = jackknife.reduce((sum, value) => sum + (centre - value) ** 2, 0);
  const cubes = jackknife.reduce((sum, value) => sum + (centre - value) ** 3, 0);
  const acceleration = squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
  const share = (tail: number) => {
    const shifted = biasCorrection + normalQuantile(tail);
    return normalCdf(biasCorrection + shifted / (1 - acceleration * shifted));
  };
  const shares: [number, number] = [share((1 - level) / 2), share((1 + level) / 2)];
  if (shares.some(Number.isNaN)) return null;
  return {
    biasCorrection,
    acceleration,
    shares,
    interval: [quantile(resampled, shares[0]), quantile(resampled, shares[1])],
  };
}
