import { stream, type Stream } from '../../config/random.js';
import { logExpectedImprovement } from './expected-improvement.js';
import { condition, fitGaussianProcess, predict, type GaussianProcess } from './gaussian-process.js';
import { fromUnit, latentBounds, toUnit } from './latent.js';
import { minimise } from './minimise.js';
import { createRandomSampler } from './random-sampler.js';
import type { Sampler } from './sampler.js';
import type { ParameterValues, SearchSpace } from './search-space.js';
import { lastReport, loss, type Study } from './study.js';

export interface GaussianProcessOptions {
  /** Trials before the first fit. Default 10. */
  startupTrials?: number;
  /** Proposes the trials before the first fit. Default: random. */
  startup?: Sampler;
  /** Random points at which the acquisition is looked at before the local searches. Default 512. */
  candidates?: number;
  /** Local searches from the best of those points. Default 4. */
  localSearches?: number;
  /** Newest trials beyond the best that enter the fit: its cost grows with their cube. Default 100. */
  mostTrials?: number;
}

/**
 * Bayesian optimisation: a Gaussian process over the unit cube (integers and logarithms in latent coordinates) and the
 * point with the largest log expected improvement among those that can be suggested. Running trials count with the
 * process's own prediction ("kriging believer", Ginsbourger et al. 2010), pruned ones with their last report, yet
 * never as better than the median of the complete ones.
 */
export function createGaussianProcessSampler(options: GaussianProcessOptions = {}): Sampler {
  const { startupTrials = 10, startup = createRandomSampler(), candidates = 512, localSearches = 4 } = options;
  const { mostTrials = 100 } = options;
  return {
    name: 'gaussian-process',
    suggest(study, number) {
      const observed = observations(study, mostTrials);
      if (observed.points.length < startupTrials || observed.complete < 2) return startup.suggest(study, number);
      const draws = stream(study.seed, 'tuning', 'gaussian-process', study.name, number);
      const process = believe(fitGaussianProcess(observed.points, observed.values), observed.values, study);
      const threshold = Math.min(...observed.values);
      const search = new AcquisitionSearch(process, threshold, study.space);
      return search.best(draws, incumbents(observed), candidates, localSearches);
    },
  };
}

interface Observations {
  points: Float64Array[];
  /** Losses with mean 0 and deviation 1. */
  values: Float64Array;
  complete: number;
}

function observations(study: Study, most: number): Observations {
  const complete = study.trials.filter((trial) => trial.state === 'complete');
  const losses = complete.map((trial) => loss(study, trial.value!));
  const median = [...losses].sort((a, b) => a - b)[losses.length >> 1] ?? 0;
  let all = complete.map((trial, index) => ({ trial, loss: losses[index]! }));
  for (const trial of study.trials) {
    const last = trial.state === 'pruned' ? lastReport(trial) : undefined;
    if (last === undefined) continue;
    all.push({ trial, loss: last.value === null ? median : Math.max(median, loss(study, last.value)) });
  }
  if (all.length > most) {
    const best = [...all].sort((a, b) => a.loss - b.loss).slice(0, most >> 1);
    const newest = all.filter((entry) => !best.includes(entry)).sort((a, b) => b.trial.number - a.trial.number);
    all = [...best, ...newest.slice(0, most - best.length)];
  }
  return {
    points: all.map(({ trial }) => toUnit(trial.parameters, study.space)),
    values: standardise(all.map((entry) => entry.loss)),
    complete: complete.length,
  };
}

function standardise(values: readonly number[]): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const deviation = variance > 0 ? Math.sqrt(variance) : 1;
  return Float64Array.from(values, (value) => (value - mean) / deviation);
}

/** The process after each running trial has ended with the value that it predicts. */
function believe(process: GaussianProcess, values: Float64Array, study: Study): GaussianProcess {
  const running = study.trials.filter((trial) => trial.state === 'running');
  if (running.length === 0) return process;
  const points = running.map((trial) => toUnit(trial.parameters, study.space));
  const believed = points.map((point) => predict(process, point).mean);
  return condition([...process.points, ...points], Float64Array.from([...values, ...believed]), process.kernel);
}

/** The four best points observed, from which local searches start as well. */
function incumbents({ points, values }: Observations): Float64Array[] {
  const order = points.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  return order.slice(0, 4).map((index) => points[index]!);
}

/** Looks for the point that can be suggested with the largest acquisition. */
class AcquisitionSearch {
  constructor(
    private readonly process: GaussianProcess,
    private readonly threshold: number,
    private readonly space: SearchSpace,
  ) {}

  best(draws: Stream, near: readonly Float64Array[], candidates: number, localSearches: number): ParameterValues {
    const dimensions = Object.keys(this.space).length;
    const starts: Float64Array[] = [];
    for (let i = 0; i < candidates; i++) starts.push(Float64Array.from({ length: dimensions }, () => draws.float()));
    for (const center of near) {
      for (const width of [0.3, 0.1, 0.03, 0.01]) {
        for (let i = 0; i < 4; i++) starts.push(center.map((x) => clamp(x + width * draws.normal())));
      }
    }
    const ranked = starts
      .map((point) => this.snap(point))
      .map((point) => ({ point, value: this.value(point) }))
      .sort((a, b) => b.value - a.value);
    let best = ranked[0]!;
    for (const start of ranked.slice(0, localSearches)) {
      const found = this.climb(start);
      if (found.value > best.value) best = found;
    }
    return fromUnit(best.point, this.space);
  }

  private value(point: Float64Array): number {
    return logExpectedImprovement(this.process, this.threshold, point).value;
  }

  /** The nearest point that can be suggested. */
  private snap(point: Float64Array): Float64Array {
    return toUnit(fromUnit(point, this.space), this.space);
  }

  /** Gradient ascent as if integers were real numbers, then moves of one coordinate at a time on the true grid. */
  private climb(start: { point: Float64Array; value: number }): { point: Float64Array; value: number } {
    const ascent = minimise(
      (point) => {
        const { value, gradient } = logExpectedImprovement(this.process, this.threshold, point, true);
        return { value: -value, gradient: gradient.map((slope) => -slope) };
      },
      start.point,
      { low: 0, high: 1, iterations: 25, tolerance: 1e-3 },
    );
    const snapped = this.snap(ascent.point);
    let best = { point: snapped, value: this.value(snapped) };
    if (start.value > best.value) best = start;
    const ranges = Object.values(this.space);
    for (let scale = 4; scale >= 1; scale /= 2) {
      for (const [d, range] of ranges.entries()) {
        for (const sign of [-1, 1]) {
          const moved = Float64Array.from(best.point);
          moved[d] = clamp(moved[d]! + sign * scale * this.stepAt(best.point[d]!, range));
          const point = this.snap(moved);
          if (point[d] === best.point[d]) continue;
          const value = this.value(point);
          if (value > best.value) best = { point, value };
        }
      }
    }
    return best;
  }

  /** One integer further in unit coordinates, or a hundredth of a range of real numbers. */
  private stepAt(coordinate: number, range: SearchSpace[string]): number {
    if (!range.integer) return 0.01;
    const { low, high } = latentBounds(range);
    if (range.scale === 'linear') return 1 / (high - low);
    return Math.log1p(1 / Math.exp(low + coordinate * (high - low))) / (high - low);
  }
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
