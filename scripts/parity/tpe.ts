import { quantile } from '../../learning/statistics/descriptive.js';
import { createStudy, finishTrial, startTrial } from '../../learning/tuning/study.js';
import { createDefaultSampler } from '../../learning/tuning/default-sampler.js';
import type { Sampler } from '../../learning/tuning/sampler.js';
import type { ParameterValues, SearchSpace } from '../../learning/tuning/search-space.js';
import { createTpeSampler } from '../../learning/tuning/tpe-sampler.js';
import type { CaseRecorder } from './report.js';
import {
  fixtureSpace,
  normalise,
  objectiveValue,
  trainingCurve,
  trialNoise,
  type FixtureParameter,
  type ObjectiveConstants,
} from './tuning-objectives.js';

interface Quartiles {
  q25: number;
  median: number;
  q75: number;
}

export interface TpeFixture {
  space: FixtureParameter[];
  constants: ObjectiveConstants;
  n_trials: number;
  spot: {
    params: ParameterValues;
    unit: number[];
    values: Record<string, number>;
    noise: { run_seed: number; trial: number; z: number }[];
    curve_fractions: Record<string, number>;
  }[];
  results: Record<string, Record<string, { best_so_far: Record<string, Quartiles>; final_per_seed: number[] }>>;
  results_gp?: Record<string, { best_so_far_at: Record<string, number[]> }>;
}

/** Seeds of the short check; `bench/samplers` runs all thirty. */
const SEEDS = { default: 3, tpe: 6 };

/** Rank-sum z-score from which on our TPE counts as worse than Optuna's (one-sided p about 0.001). */
const WORSE = 3;

/**
 * tpe.json: the objectives exactly; TPE must not rank below Optuna's TPE; the default sampler's median after the last
 * trial must be, as the fixtures' README suggests, at most the 75 % quantile of Optuna's TPE and the 25 % quantile of
 * random search (the latter not on the flat training curve).
 */
export function checkTpe(fixture: TpeFixture, record: CaseRecorder): void {
  const space = fixtureSpace(fixture.space);
  checkSpots(fixture, space, record);
  for (const [objective, samplers] of Object.entries(fixture.results)) {
    const last = String(fixture.n_trials);
    const reference = samplers.TPESampler!;
    const z = rankSumScore(finalValues(fixture, objective, createTpeSampler(), SEEDS.tpe), reference.final_per_seed);
    const name = `results/${objective}`;
    if (z < WORSE) record.passed(`${name}/tpe`, `rank-sum z ${z.toFixed(2)}`);
    else record.failed(`${name}/tpe`, `ranks below the reference, rank-sum z ${z.toFixed(2)}`);
    const own = quantile(finalValues(fixture, objective, createDefaultSampler(), SEEDS.default), 0.5);
    compare(`${name}/default/tpe-q75`, own, reference.best_so_far[last]!.q75, record);
    if (objective === 'training_curve') continue;
    compare(`${name}/default/random-q25`, own, samplers.RandomSampler!.best_so_far[last]!.q25, record);
  }
}

/** z-score of the rank-sum test; positive when `values` tend to be larger than `others`, ties count half. */
function rankSumScore(values: readonly number[], others: readonly number[]): number {
  let wins = 0;
  for (const value of values) for (const other of others) wins += value > other ? 1 : value === other ? 0.5 : 0;
  const pairs = values.length * others.length;
  return (wins - pairs / 2) / Math.sqrt((pairs * (values.length + others.length + 1)) / 12);
}

/** The noise-free value of the best trial after all trials, for seeds 0 … n−1. */
export function finalValues(fixture: TpeFixture, objective: string, sampler: Sampler, seeds: number): number[] {
  return Array.from({ length: seeds }, (_, seed) => runStudy(fixture, objective, sampler, seed).at(-1)!);
}

/** After each trial, the noise-free value of the trial that looks best to the sampler. */
export function runStudy(fixture: TpeFixture, objective: string, sampler: Sampler, seed: number): number[] {
  const { constants } = fixture;
  const space = fixtureSpace(fixture.space);
  let study = createStudy({ name: objective, direction: 'minimize', space, seed });
  let [lowest, recorded] = [Infinity, Infinity];
  return Array.from({ length: fixture.n_trials }, (_, number) => {
    const values = sampler.suggest(study, number);
    const value = objectiveValue(objective, values, space, constants);
    const noisy = objective === 'noisy_bowl';
    const seen = value + (noisy ? constants.noise_sigma * trialNoise(constants.noise_key, seed, number) : 0);
    study = finishTrial(startTrial(study, values), number, { value: seen });
    if (seen < lowest) [lowest, recorded] = [seen, value];
    return recorded;
  });
}

function checkSpots(fixture: TpeFixture, space: SearchSpace, record: CaseRecorder): void {
  const { constants } = fixture;
  fixture.spot.forEach((spot, index) => {
    const near = (name: string, actual: number, expected: number) =>
      record.within(`spot/${index}/${name}`, Math.abs(actual - expected) / Math.max(1, Math.abs(expected)), 1e-12);
    normalise(spot.params, space).forEach((value, d) => near(`unit-${d}`, value, spot.unit[d]!));
    for (const [objective, value] of Object.entries(spot.values)) {
      near(objective, objectiveValue(objective, spot.params, space, constants), value);
    }
    for (const { run_seed: seed, trial, z } of spot.noise) {
      near(`noise-${seed}-${trial}`, trialNoise(constants.noise_key, seed, trial), z);
    }
    for (const [fraction, value] of Object.entries(spot.curve_fractions)) {
      near(`curve-${fraction}`, trainingCurve(spot.params, constants, Number(fraction)), value);
    }
  });
}

function compare(name: string, own: number, limit: number, record: CaseRecorder): void {
  const text = `median of ${SEEDS.default} seeds ${own.toPrecision(4)}, at most ${limit.toPrecision(4)}`;
  if (own <= limit) record.passed(name, text);
  else record.failed(name, text);
}
