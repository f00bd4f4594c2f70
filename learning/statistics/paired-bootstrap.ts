import { stream } from '../../config/random.js';
import { mean, quantile } from './descriptive.js';

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
  const means = indices.map((positions) => mean(positions.map((position) => values[position]!)));
  const tail = (1 - level) / 2;
  return {
    mean: mean(values),
    low: quantile(means, tail),
    high: quantile(means, 1 - tail),
    resamples: indices.length,
    level,
  };
}
