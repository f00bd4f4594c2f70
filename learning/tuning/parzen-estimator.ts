import { fromLatent, latentBounds, toLatent } from './latent.js';
import { normalLogDensity } from '../statistics/normal.js';
import { logNormalMass, truncatedNormalQuantile } from './normal-distribution.js';
import type { ParameterValues, Range, SearchSpace } from './search-space.js';
import { observationWeights } from './split-trials.js';

/** The kernels of one parameter, in latent coordinates; the prior's kernel is the last. */
export interface KernelDimension {
  range: Range;
  low: number;
  high: number;
  mu: number[];
  sigma: number[];
}

/** A mixture of products of truncated normal distributions, one kernel for each observation and one for the prior. */
export interface ParzenEstimator {
  /** Normalised. */
  weights: number[];
  dimensions: Record<string, KernelDimension>;
}

/**
 * The estimator of Optuna 5's TPE: a kernel is as wide as the larger gap to its neighbours (at either end the inner
 * gap), but at least range / min(100, n + 2) and at most the range; the prior sits in the middle with the width of the
 * range. Of equal observations the earlier one counts as the lower neighbour; the reference leaves that order to an
 * unstable sort.
 */
export function fitParzenEstimator(observations: readonly ParameterValues[], space: SearchSpace): ParzenEstimator {
  const raw = [...observationWeights(observations.length), 1];
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  const dimensions: Record<string, KernelDimension> = {};
  for (const [name, range] of Object.entries(space)) {
    const { low, high } = latentBounds(range);
    const mu = observations.map((values) => toLatent(values[name]!, range));
    const sigma = kernelWidths(mu, low, high);
    dimensions[name] = { range, low, high, mu: [...mu, 0.5 * (low + high)], sigma: [...sigma, high - low] };
  }
  return { weights: raw.map((weight) => weight / total), dimensions };
}

function kernelWidths(mu: readonly number[], low: number, high: number): number[] {
  const n = mu.length;
  const order = mu.map((_, index) => index).sort((a, b) => mu[a]! - mu[b]!);
  const sigma: number[] = Array.from({ length: n });
  const narrowest = (high - low) / Math.min(100, n + 2);
  order.forEach((observation, place) => {
    const value = mu[observation]!;
    const below = place === 0 ? low : mu[order[place - 1]!]!;
    const above = place === n - 1 ? high : mu[order[place + 1]!]!;
    let width = Math.max(value - below, above - value);
    if (n >= 2 && place === 0) width = above - value;
    if (n >= 2 && place === n - 1) width = value - below;
    sigma[observation] = Math.min(high - low, Math.max(narrowest, width));
  });
  return sigma;
}

/** Draws from one kernel by the inverse of its distribution function, one quantile in [0, 1] for each parameter. */
export function drawFromKernel(
  estimator: ParzenEstimator,
  kernel: number,
  quantiles: ArrayLike<number>,
): ParameterValues {
  return Object.fromEntries(
    Object.entries(estimator.dimensions).map(([name, { range, low, high, mu, sigma }], index) => {
      const [center, width] = [mu[kernel]!, sigma[kernel]!];
      const z = truncatedNormalQuantile(quantiles[index]!, (low - center) / width, (high - center) / width);
      return [name, fromLatent(center + width * z, range)];
    }),
  );
}

/**
 * log density of each candidate: in latent coordinates for floats, the mass of [value − ½, value + ½] for integers.
 */
export function logDensities(estimator: ParzenEstimator, candidates: readonly ParameterValues[]): number[] {
  const logWeights = estimator.weights.map((weight) => Math.log(weight));
  const kernels = candidates.map(() => [...logWeights]);
  for (const [name, dimension] of Object.entries(estimator.dimensions)) {
    const { range, low, high, mu, sigma } = dimension;
    const mass = (left: number, right: number, kernel: number) =>
      logNormalMass((left - mu[kernel]!) / sigma[kernel]!, (right - mu[kernel]!) / sigma[kernel]!);
    const inside = mu.map((_, kernel) => mass(low, high, kernel));
    // Candidates share integers, and a mass is dear.
    const known = new Map<number, number[]>();
    candidates.forEach((candidate, row) => {
      const value = candidate[name]!;
      let densities = known.get(value);
      if (densities === undefined) {
        const [latent, left, right] = [value, value - 0.5, value + 0.5].map((edge) => toLatent(edge, range));
        densities = mu.map((center, kernel) => {
          if (range.integer) return mass(left!, right!, kernel) - inside[kernel]!;
          return normalLogDensity((latent! - center) / sigma[kernel]!) - Math.log(sigma[kernel]!) - inside[kernel]!;
        });
        known.set(value, densities);
      }
      for (let kernel = 0; kernel < mu.length; kernel++) kernels[row]![kernel]! += densities[kernel]!;
    });
  }
  return kernels.map((row) => {
    const largest = Math.max(...row);
    if (largest === -Infinity) return -Infinity;
    return largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  });
}
