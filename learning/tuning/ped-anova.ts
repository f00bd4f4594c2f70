import { logNormalMass } from './normal-distribution.js';
import type { Range } from './search-space.js';
import { loss, type Study, type StudyTrial } from './study.js';

export interface PedAnovaOptions {
  /** The share of best trials whose parameters are explained. Default 0.1. */
  targetQuantile?: number;
  /** The share of best trials they are compared with; larger than the target. Default 1. */
  regionQuantile?: number;
  /** Compare with the trials of the region (default), or with the whole search space. */
  local?: boolean;
}

const GRID = 50;
const PRIOR_WEIGHT = 1;

/**
 * How much each parameter decides whether a trial is among the best: Pearson divergence between the density of the best
 * trials and that of the region, per parameter (Watanabe et al. 2023, "PED-ANOVA"; grid, bandwidths and prior as in
 * Optuna 5). Without normalisation; 0 for each parameter with fewer than two complete trials.
 */
export function pedAnovaImportances(study: Study, options: PedAnovaOptions = {}): Record<string, number> {
  const { targetQuantile = 0.1, regionQuantile = 1, local = true } = options;
  const complete = study.trials.filter((trial) => trial.state === 'complete');
  const target = bestShare(study, complete, targetQuantile);
  const region = bestShare(study, complete, regionQuantile);
  const share = (target.length / region.length) ** 2;
  return Object.fromEntries(
    Object.entries(study.space).map(([name, range]) => {
      if (complete.length < 2 || range.high <= range.low) return [name, 0];
      const values = (trials: readonly StudyTrial[]) => trials.map((trial) => trial.parameters[name]!);
      return [name, share * pearsonDivergence(values(target), values(region), range, local)];
    }),
  );
}

/** Importances as shares of their sum; equal shares when all are 0. */
export function normaliseImportances(importances: Readonly<Record<string, number>>): Record<string, number> {
  const entries = Object.entries(importances);
  const total = entries.reduce((sum, [, value]) => sum + value, 0);
  return Object.fromEntries(entries.map(([name, value]) => [name, total > 0 ? value / total : 1 / entries.length]));
}

/** The trials at least as good as the quantile's, ties included. */
function bestShare(study: Study, trials: readonly StudyTrial[], quantile: number): StudyTrial[] {
  if (quantile >= 1 || trials.length === 0) return [...trials];
  const sorted = trials.map((trial) => loss(study, trial.value!)).sort((a, b) => a - b);
  const cutoff = sorted[Math.ceil(quantile * sorted.length) - 1]!;
  return trials.filter((trial) => loss(study, trial.value!) <= cutoff);
}

function pearsonDivergence(target: readonly number[], region: readonly number[], range: Range, local: boolean): number {
  const counts = gridCounts(target, range);
  const best = gridDensity(counts);
  const reference = local ? gridDensity(gridCounts(region, range)) : null;
  return best.reduce((sum, density, index) => {
    const other = reference === null ? 1 / best.length : reference[index]! + 1e-12;
    return sum + other * ((density + 1e-12) / other - 1) ** 2;
  }, 0);
}

/** Values counted on the nearest point of an even grid, half-way values on the lower one. */
function gridCounts(values: readonly number[], range: Range): number[] {
  const log = range.scale === 'log';
  const width = range.high - range.low;
  let size = GRID;
  if (range.integer)
    size = Math.min(size, log ? Math.ceil(Math.log(width + 1) / Math.log(2)) + 1 : Math.round(width) + 1);
  const [low, high] = log ? [Math.log(range.low), Math.log(range.high)] : [range.low, range.high];
  const step = (high - low) / (size - 1);
  const counts: number[] = Array.from({ length: size }, () => 0);
  for (const value of values) {
    const place = Math.ceil(((log ? Math.log(value) : value) - low) / step - 0.5);
    counts[Math.min(size - 1, Math.max(0, place))]! += 1;
  }
  return counts;
}

/** Density on the grid: one kernel for each occupied point, bandwidth by Scott's rule, and a prior over the whole grid. */
function gridDensity(counts: readonly number[]): number[] {
  const size = counts.length;
  const occupied = counts.flatMap((count, index) => (count > 0 ? [index] : []));
  const weights = occupied.map((index) => counts[index]!);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const bandwidth = Math.max(scottBandwidth(occupied, weights, total), 0.5 / 1.64);
  const kernels = [
    ...occupied.map((mu, index) => ({ mu, sigma: bandwidth, weight: weights[index]! })),
    { mu: (size - 1) / 2, sigma: size, weight: PRIOR_WEIGHT },
  ];
  return counts.map((_, point) =>
    kernels.reduce((sum, { mu, sigma, weight }) => {
      const mass = logNormalMass((point - 0.5 - mu) / sigma, (point + 0.5 - mu) / sigma);
      const inside = logNormalMass((-0.5 - mu) / sigma, (size - 0.5 - mu) / sigma);
      return sum + (weight / (total + PRIOR_WEIGHT)) * Math.exp(mass - inside);
    }, 0),
  );
}

function scottBandwidth(points: readonly number[], weights: readonly number[], total: number): number {
  const mean = points.reduce((sum, point, index) => sum + point * weights[index]!, 0) / total;
  const squares = points.reduce((sum, point, index) => sum + (point - mean) ** 2 * weights[index]!, 0);
  const deviation = Math.sqrt(squares / Math.max(1, total - 1));
  let running = 0;
  const cumulative = weights.map((weight) => (running += weight));
  const first = cumulative.findIndex((sum) => sum >= Math.floor(total / 4));
  const third = cumulative.findIndex((sum) => sum > Math.floor((total * 3) / 4));
  const upper = third < 0 ? points.length - 1 : third;
  const interquartile = points[upper]! - points[first]!;
  return 1.059 * Math.min(interquartile / 1.34, deviation) * total ** -0.2;
}
