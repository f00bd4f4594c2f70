import { stream } from '../../config/random.js';
import { bootstrap, percentileInterval } from './bootstrap-intervals.js';
import { mean } from './descriptive.js';

export interface BootstrapInterval {
  mean: number;
  low: number;
  high: number;
  resamples: number;
  level: number;
}

/**
 * Percentile bootstrap interval of the mean of paired differences (Efron 1979; quantiles of type 7 as SciPy's
 * `bootstrap(method='percentile')`). The draws come from the seed alone.
 * @param differences at least one; their order is part of the seed
 */
export function pairedBootstrap(
  differences: readonly number[],
  options: { seed: number; resamples?: number; level?: number },
): BootstrapInterval {
  const { seed, resamples = 10_000, level = 0.95 } = options;
  const random = stream(seed, 'statistics', 'paired-bootstrap');
  const indices = Array.from({ length: resamples }, () =>
    differences.map(() => Math.floor(random.float() * differences.length)),
  );
  return bootstrapOnIndices(differences, indices, level);
}

/** The same interval on given resamples: `indices[r]` holds the positions of resample r. */
export function bootstrapOnIndices(
  values: readonly number[],
  indices: readonly (readonly number[])[],
  level: number,
): BootstrapInterval {
  const summary = bootstrap(values, mean, indices);
  const [low, high] = percentileInterval(summary, level);
  return { mean: summary.estimate, low, high, resamples: indices.length, level };
}
