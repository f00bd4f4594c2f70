import { truncatedNormalQuantile, logNormalMass } from '../../learning/tuning/normal-distribution.js';
import {
  drawFromKernel,
  fitParzenEstimator,
  logDensities,
  type ParzenEstimator,
} from '../../learning/tuning/parzen-estimator.js';
import type { ParameterValues, SearchSpace } from '../../learning/tuning/search-space.js';
import { goodTrialCount, observationWeights, splitTrials } from '../../learning/tuning/split-trials.js';
import { createStudy, type Study } from '../../learning/tuning/study.js';
import { bestCandidate } from '../../learning/tuning/tpe-sampler.js';
import { largestDifference, type CaseRecorder } from './report.js';
import { fixtureSpace, type FixtureParameter } from './tuning-objectives.js';

interface FixtureTrial {
  params: ParameterValues;
  state: 'complete' | 'pruned' | 'running' | 'failed';
  value?: number | null;
  intermediate_values?: Record<string, number | null>;
}

interface FixtureEstimator {
  weights: number[];
  dims: Record<string, { mu: number[]; sigma: number[]; low: number; high: number; log: boolean; step: number }>;
}

interface FixtureHistory {
  name: string;
  direction: Study['direction'];
  trials: FixtureTrial[];
  gamma: number;
  below: number[];
  above: number[];
  estimators: Record<'below' | 'above', FixtureEstimator>;
  candidates: {
    component: number[];
    quantiles: number[][];
    params: ParameterValues[];
    log_l: number[];
    log_g: number[];
    acquisition: number[];
    best: number;
  };
  univariate_on_same_candidates: Record<string, { log_l: number[]; log_g: number[] }>;
}

export interface TpeInternalsFixture {
  space: FixtureParameter[];
  gamma: Record<string, number>;
  weights: Record<string, number[]>;
  histories: FixtureHistory[];
  truncated_normal: { a: number; b: number; log_mass: number; ppf: { q: number; x: number }[] }[];
}

/** A study of a fixture's trials, in their order. */
export function fixtureStudy(
  space: SearchSpace,
  direction: Study['direction'],
  trials: readonly FixtureTrial[],
  name = 'fixture',
): Study {
  return createStudy({
    name,
    direction,
    space,
    trials: trials.map(({ params, state, value, intermediate_values: reports = {} }, number) => ({
      number,
      parameters: params,
      state,
      value: value ?? null,
      intermediate: Object.entries(reports).map(([step, report]) => ({ step: Number(step), value: report })),
    })),
  });
}

/** tpe-internals.json: split, weights, kernels, candidates, densities and the truncated normal distribution. */
export function checkTpeInternals(fixture: TpeInternalsFixture, record: CaseRecorder): void {
  const space = fixtureSpace(fixture.space);
  for (const [n, expected] of Object.entries(fixture.gamma))
    record.equal(`gamma/${n}`, goodTrialCount(Number(n)), expected);
  for (const [n, expected] of Object.entries(fixture.weights)) {
    record.within(`weights/${n}`, largestDifference(observationWeights(Number(n)), expected), 1e-12);
  }
  for (const history of fixture.histories) checkHistory(history, space, record);
  for (const { a, b, log_mass: mass, ppf } of fixture.truncated_normal) {
    const name = `truncated_normal/${a},${b}`;
    record.within(`${name}/log_mass`, relative(logNormalMass(a, b), mass), 1e-8);
    const tail = Math.min(Math.abs(a), Math.abs(b)) > 8 ? 1e-6 : 1e-8;
    const worst = Math.max(...ppf.map(({ q, x }) => relative(truncatedNormalQuantile(q, a, b), x, Math.min(1, b - a))));
    record.within(`${name}/quantiles`, worst, tail);
  }
}

/** |actual − expected| in units of the expected value, or of `floor` where that is larger. */
function relative(actual: number, expected: number, floor = 0): number {
  return actual === expected ? 0 : Math.abs(actual - expected) / Math.max(Math.abs(expected), floor);
}

function checkHistory(history: FixtureHistory, space: SearchSpace, record: CaseRecorder): void {
  const name = (field: string) => `${history.name}/${field}`;
  // A complete trial whose value is null had an infinite one, which ranks last; the reference takes no NaN.
  const worst = history.direction === 'minimize' ? Infinity : -Infinity;
  const ranked = history.trials.map((trial) =>
    trial.state === 'complete' ? { ...trial, value: trial.value ?? worst } : trial,
  );
  const study = fixtureStudy(space, history.direction, ranked);
  const finished = study.trials.filter(({ state }) => state === 'complete' || state === 'pruned').length;
  record.equal(name('gamma'), goodTrialCount(finished), history.gamma);
  const { good, rest } = splitTrials(study, goodTrialCount(finished));
  const numbers = (trials: typeof good) => trials.map((trial) => trial.number);
  record.equal(name('below'), numbers(good), history.below);
  record.equal(name('above'), numbers(rest), history.above);

  const fit = (trials: typeof good) =>
    fitParzenEstimator(
      trials.map((trial) => trial.parameters),
      space,
    );
  const estimators = { below: fit(good), above: fit(rest) };
  for (const side of ['below', 'above'] as const) {
    const [own, expected] = [estimators[side], history.estimators[side]];
    record.within(name(`${side}/weights`), largestDifference(own.weights, expected.weights), 1e-9);
    for (const [parameter, theirs] of Object.entries(expected.dims)) {
      const ours = own.dimensions[parameter]!;
      record.within(name(`${side}/${parameter}/mu`), largestDifference(ours.mu, theirs.mu), 1e-9);
      const bounds = largestDifference([ours.low, ours.high], [theirs.low, theirs.high]);
      record.within(name(`${side}/${parameter}/bounds`), bounds, 1e-9);
      // Among equal observations the reference's order is that of an unstable sort, which depends on the processor.
      const sorted = (dimension: { mu: number[]; sigma: number[] }) =>
        dimension.mu.map((mu, i) => [mu, dimension.sigma[i]!] as const).sort((x, y) => x[0] - y[0] || x[1] - y[1]);
      const widths = largestDifference(sorted(ours).flat(), sorted(theirs).flat());
      record.within(name(`${side}/${parameter}/sigma`), widths, 1e-9);
      if (widths <= 1e-9) ours.sigma = theirs.sigma;
    }
  }
  checkCandidates(history, estimators, name, record);
}

function checkCandidates(
  history: FixtureHistory,
  { below, above }: Record<'below' | 'above', ParzenEstimator>,
  name: (field: string) => string,
  record: CaseRecorder,
): void {
  const { component, quantiles, params, log_l, log_g, acquisition, best } = history.candidates;
  const drawn = component.map((kernel, index) => drawFromKernel(below, kernel, quantiles[index]!));
  for (const parameter of Object.keys(below.dimensions)) {
    const worst = Math.max(...drawn.map((values, index) => relative(values[parameter]!, params[index]![parameter]!)));
    record.within(name(`candidates/${parameter}`), worst, below.dimensions[parameter]!.range.integer ? 0 : 1e-7);
  }
  const [good, rest] = [logDensities(below, params), logDensities(above, params)];
  record.within(name('log_l'), largestDifference(good, log_l), 1e-7);
  record.within(name('log_g'), largestDifference(rest, log_g), 1e-7);
  const difference = good.map((value, index) => value - rest[index]!);
  record.within(name('acquisition'), largestDifference(difference, acquisition), 1e-7);
  record.equal(name('best'), bestCandidate(good, rest), best);
  for (const [parameter, expected] of Object.entries(history.univariate_on_same_candidates)) {
    const one = (estimator: ParzenEstimator): ParzenEstimator => ({
      weights: estimator.weights,
      dimensions: { [parameter]: estimator.dimensions[parameter]! },
    });
    record.within(
      name(`univariate/${parameter}/log_l`),
      largestDifference(logDensities(one(below), params), expected.log_l),
      1e-7,
    );
    record.within(
      name(`univariate/${parameter}/log_g`),
      largestDifference(logDensities(one(above), params), expected.log_g),
      1e-7,
    );
  }
}
