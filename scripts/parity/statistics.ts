import { readFile } from 'node:fs/promises';
import { mcNemarTest, signTest } from '../../learning/statistics/binomial-tests.js';
import {
  basicInterval,
  bcaInterval,
  bootstrap,
  percentileInterval,
} from '../../learning/statistics/bootstrap-intervals.js';
import { chiSquareIndependence, fisherExactTest, type Table2x2 } from '../../learning/statistics/contingency.js';
import { kendall, pearson, spearman } from '../../learning/statistics/correlation.js';
import * as descriptive from '../../learning/statistics/descriptive.js';
import * as distributions from '../../learning/statistics/distributions.js';
import * as effect from '../../learning/statistics/effect-size.js';
import { groupSequentialBounds, type GroupSequentialDesign } from '../../learning/statistics/group-sequential.js';
import { betaQuantile } from '../../learning/statistics/incomplete-beta.js';
import { anova, friedmanTest, kruskalTest, leveneTest, type KSampleTest } from '../../learning/statistics/k-sample.js';
import { kolmogorovSmirnov } from '../../learning/statistics/kolmogorov-smirnov.js';
import { mannWhitneyTest } from '../../learning/statistics/mann-whitney.js';
import { adjustPValues, type Correction } from '../../learning/statistics/multiple-testing.js';
import { normalCdf, normalDensity, normalLogCdf, normalQuantile, normalSf } from '../../learning/statistics/normal.js';
import { permutationTest } from '../../learning/statistics/permutation-test.js';
import { sampleSizePerGroup } from '../../learning/statistics/power.js';
import { proportionInterval, type ProportionMethod } from '../../learning/statistics/proportion-interval.js';
import type { PValues } from '../../learning/statistics/p-values.js';
import { midRanks } from '../../learning/statistics/ranks.js';
import { shapiroWilkTest } from '../../learning/statistics/shapiro-wilk.js';
import { signFlipTest } from '../../learning/statistics/sign-flip-test.js';
import { oneSampleTTest, pairedTTest, studentTest, welchTest } from '../../learning/statistics/t-tests.js';
import {
  wilcoxonApproximate,
  wilcoxonExact,
  wilcoxonTest,
  type Wilcoxon,
  type ZeroRule,
} from '../../learning/statistics/wilcoxon.js';
import { compareFields, type Tolerance } from './compare-tree.js';
import type { CaseRecorder } from './report.js';

type Fields = Record<string, unknown>;
/** An entry of the fixture as it stands there; the README of the fixtures names the fields of each group. */
// oxlint-disable-next-line typescript/no-explicit-any -- typing some 60 fields would restate the README
type Json = Record<string, any>;

const USUAL: Tolerance = { relative: 1e-9, absolute: 1e-12 };
/** Sample sizes and bounds come from quadrature (README). */
const QUADRATURE: Tolerance = { relative: 1e-5, absolute: 0 };
/** Tails are compared relatively down to 1e-300. */
const TAILS: Tolerance = { relative: 1e-9, absolute: 1e-300 };

/** statistics.json: every field of every case against SciPy's and statsmodels' numbers. */
export async function checkStatistics(file: string, record: CaseRecorder): Promise<void> {
  const fixture = JSON.parse(await readFile(file, 'utf8')) as Json;
  for (const [group, entries] of Object.entries(fixture)) {
    if (group === 'versions' || group === 'seed') continue;
    if (group === 'functions') {
      for (const [name, points] of Object.entries(entries as Record<string, Json[]>)) {
        points.forEach((point, index) =>
          check(record, `functions/${name}/${index}`, functionValues[name], point, TAILS),
        );
      }
      continue;
    }
    (entries as Json[]).forEach((item, index) => {
      const name = `${group}/${index}`;
      const { shapiro, ...rest } = item;
      if (group === 'group_sequential') return checkGroupSequential(record, name, item);
      check(record, name, groups[group], rest, group === 'power' ? QUADRATURE : USUAL);
      if (shapiro !== undefined) checkShapiro(record, `${name}/shapiro`, item.x as number[], shapiro as Json);
    });
  }
}

/** Fields that are the input of a case, not a result. */
const INPUTS = new Set([
  'name',
  'x',
  'y',
  'table',
  'indices',
  'p',
  'k',
  'n',
  'groups',
  'effect',
  'alpha',
  'power',
  'kind',
  'information',
  'df',
  'd1',
  'd2',
  'a',
  'b',
]);

function check(
  record: CaseRecorder,
  name: string,
  compute: ((item: Json) => Fields) | undefined,
  item: Json,
  tolerance: Tolerance,
): void {
  if (compute === undefined) return record.unknown(name, 'not implemented');
  let actual: Fields;
  try {
    actual = compute(item);
  } catch (error) {
    return record.failed(name, (error as Error).message);
  }
  const isInput = (key: string) => INPUTS.has(key) && !(key in actual);
  compareFields(
    record,
    name,
    actual,
    Object.fromEntries(Object.entries(item).filter(([key]) => !isInput(key))),
    tolerance,
  );
}

/**
 * The first look apart: where almost nothing is spent there, the fixture's 4 − 4Φ is off by up to 2⁻⁵¹ from rounding,
 * which moves the bound z by that over the slope 2φ(z); the README grants 1e-4 there in general.
 */
function checkGroupSequential(record: CaseRecorder, name: string, item: Json): void {
  const { kind, alpha, information, ...expected } = item;
  const bounds = groupSequentialBounds(kind as GroupSequentialDesign, alpha as number, information as number[]);
  const actual: Json = { z: bounds.z, nominal_p: bounds.nominalP, cumulative_alpha: bounds.cumulativeAlpha };
  const rounding = 2 ** -51;
  const first = { relative: 1e-4, absolute: rounding / (2 * normalDensity(expected.z[0] as number)) };
  compareFields(record, name, { first_z: actual.z[0] }, { first_z: expected.z[0] }, first);
  for (const field of ['z', 'nominal_p', 'cumulative_alpha']) {
    if (expected[field] === undefined) continue;
    const tolerance = { ...QUADRATURE, absolute: rounding };
    const rest = field === 'z' ? 1 : 0;
    compareFields(
      record,
      name,
      { [field]: actual[field].slice(rest) },
      { [field]: expected[field].slice(rest) },
      tolerance,
    );
  }
  const others = Object.fromEntries(Object.entries(expected).filter(([field]) => !(field in actual)));
  compareFields(record, name, { constant: bounds.constant }, others, QUADRATURE);
}

function checkShapiro(record: CaseRecorder, name: string, x: number[], expected: Json): void {
  const { w, p } = shapiroWilkTest(x);
  compareFields(record, name, { W: w }, { W: expected.W as number }, { relative: 1e-7, absolute: 0 });
  compareFields(record, name, { p }, { p: expected.p as number }, { relative: 1e-6, absolute: 1e-300 });
}

const pOf = ({ twoSided, less, greater }: PValues) => ({ 'two-sided': twoSided, less, greater });

const groups: Record<string, (item: Json) => Fields> = {
  two_sample: ({ x, y, mannwhitney, permutation_exact: permutation }: Json) => {
    const welch = welchTest(x, y);
    const student = studentTest(x, y);
    const u = (options: Parameters<typeof mannWhitneyTest>[2]) => {
      const result = mannWhitneyTest(x, y, options);
      return { U: result.u, p: pOf(result.p) };
    };
    const ks = kolmogorovSmirnov(x, y);
    const split = permutation === undefined ? undefined : permutationTest(x, y);
    return {
      welch: { t: welch.t, df: welch.df, ci95_of_mean_difference: welch.interval, p: pOf(welch.p) },
      student: { t: student.t, df: student.df, p: student.p.twoSided },
      ties: midRanks([...x, ...y]).groupSizes.some((size) => size > 1),
      mannwhitney: {
        asymptotic: u({ method: 'asymptotic' }),
        'asymptotic-nocontinuity': u({ method: 'asymptotic', continuity: false }),
        ...(mannwhitney.exact === undefined ? {} : { exact: u({ method: 'exact' }) }),
        auto: u({ method: 'auto' }),
      },
      effect: {
        cohen_d: effect.cohensD(x, y),
        hedges_g_exact: effect.hedgesG(x, y, 'exact'),
        hedges_g_approx: effect.hedgesG(x, y, 'approximate'),
        cliffs_delta: effect.cliffsDelta(x, y),
      },
      ks: { D: ks.distance, location: ks.location, sign: ks.sign },
      permutation_exact: split && { statistic: split.statistic, n: split.splits, p: pOf(split.p) },
    };
  },
  paired: ({ x, y, wilcoxon, permutation_exact: permutation }: Json) => {
    const differences = (x as number[]).map((value, index) => value - y[index]);
    const t = pairedTTest(x, y);
    const sign = signTest(differences);
    const nonZero = differences.filter((value) => value !== 0);
    const flips = permutation === undefined ? undefined : signFlipTest(differences);
    const tested = (name: string) => {
      const [kind, zeros, correction] = name.split('|');
      let result: Wilcoxon;
      if (kind === 'approx') result = wilcoxonApproximate(differences, zeros as ZeroRule, correction === 'corrected');
      else if (kind === 'scipy-auto') {
        result = wilcoxonTest(differences);
        return { W: result.statistic, p: result.p.twoSided };
      } else result = wilcoxonExact(differences);
      return { W: result.statistic, W_plus: result.positive, z: result.z, p: pOf(result.p) };
    };
    return {
      paired_t: { t: t.t, df: t.df, ci95_of_mean_difference: t.interval, p: pOf(t.p) },
      n_zero: differences.length - nonZero.length,
      abs_ties: midRanks(nonZero.map(Math.abs)).groupSizes.some((size) => size > 1),
      wilcoxon: Object.fromEntries(Object.keys(wilcoxon).map((name) => [name, tested(name)])),
      effect: { cohen_dz: effect.cohensDz(x, y), cohen_dav: effect.cohensDav(x, y) },
      sign_test: { pos: sign.positive, n: sign.count, p: sign.p },
      permutation_exact: flips && { statistic: flips.statistic, n: 2 ** differences.length, p: pOf(flips) },
    };
  },
  mcnemar: ({ table }: Json) => {
    const result = mcNemarTest(table[0][1], table[1][0]);
    return { exact: result.exact, chi2: result.chiSquare, chi2_corrected: result.corrected, mid_p: result.midP };
  },
  fisher: ({ table }: Json) => {
    const result = fisherExactTest(table as Table2x2);
    const chiSquare = (yates: boolean) => {
      const test = chiSquareIndependence(table as Table2x2, yates);
      return test && { statistic: test.statistic, p: test.p, dof: test.df };
    };
    return { p: pOf(result.p), odds_ratio: result.oddsRatio, chi2: chiSquare(false), chi2_yates: chiSquare(true) };
  },
  bootstrap: ({ x, indices, stats }: Json) => ({
    stats: Object.fromEntries(
      Object.entries(stats as Record<string, Fields>).map(([name, expected]) => {
        const statistic = { mean: descriptive.mean, median: descriptive.median }[name];
        return [name, statistic && bootstrapFields(x, indices, statistic, Object.keys(expected))];
      }),
    ),
  }),
  proportion_ci: ({ k, n, ...expected }: Json) =>
    Object.fromEntries(
      Object.keys(expected).map((key) => {
        const [, method, level] = /^(.*)_([\d.]+)$/.exec(key)!;
        return [key, proportionInterval(k, n, method!.replace('_', '-') as ProportionMethod, Number(level))];
      }),
    ),
  multiple_testing: ({ p, ...expected }: Json) =>
    Object.fromEntries(
      Object.keys(expected).map((method) => {
        const adjusted = adjustPValues(p, method as Correction);
        return [method, { adjusted, reject: adjusted.map((value) => value <= 0.05) }];
      }),
    ),
  normality_and_description: ({ x, quantiles_type7: quantiles }: Json) => ({
    skew: descriptive.skewness(x),
    skew_unbiased: descriptive.skewness(x, true),
    kurtosis: descriptive.excessKurtosis(x),
    kurtosis_unbiased: descriptive.excessKurtosis(x, true),
    mean: descriptive.mean(x),
    sd: descriptive.standardDeviation(x),
    sem: descriptive.standardDeviation(x) / Math.sqrt(x.length),
    t_ci95: oneSampleTTest(x).interval,
    trim_mean_10: descriptive.trimmedMean(x, 0.1),
    iqr: descriptive.interquartileRange(x),
    mad: descriptive.medianAbsoluteDeviation(x),
    quantiles_type7: Object.fromEntries(
      Object.keys(quantiles).map((share) => [share, descriptive.quantile(x, Number(share))]),
    ),
  }),
  correlation: ({ x, y }: Json) => {
    const { tauB, tauC, p, asymptoticP } = kendall(x, y);
    const { r, p: pearsonP, interval } = pearson(x, y);
    return {
      spearman: spearman(x, y),
      kendall_b: { tau: tauB, p },
      kendall_b_asymptotic_p: asymptoticP,
      kendall_c: tauC,
      pearson: { r, p: pearsonP, ci95_fisher: interval },
      rank_x_average: midRanks(x).ranks,
    };
  },
  k_sample: ({ groups: samples, friedman_on_first_n: friedman }: Json) => {
    const named = (name: string, { statistic, p }: KSampleTest) => ({ [name]: statistic, p });
    const blocks = (samples as number[][]).map((values) => values.slice(0, friedman.n));
    return {
      anova: named('F', anova(samples)),
      kruskal: named('H', kruskalTest(samples)),
      levene_median: named('W', leveneTest(samples)),
      friedman_on_first_n: { n: blocks[0]!.length, ...named('chi2', friedmanTest(blocks)) },
    };
  },
  power: ({ effect: size, alpha, power }: Json) => ({
    n_per_group_t: sampleSizePerGroup({ effect: size, alpha, power }, 't'),
    n_per_group_z: sampleSizePerGroup({ effect: size, alpha, power }, 'z'),
  }),
};

function bootstrapFields(
  x: number[],
  indices: number[][],
  statistic: (values: readonly number[]) => number,
  keys: string[],
): Fields {
  const summary = bootstrap(x, statistic, indices);
  const bca = (level: number) => {
    const result = bcaInterval(x, statistic, summary, level);
    if (result === null) return null;
    const { biasCorrection: z0, acceleration, shares: alpha, interval: ci } = result;
    return { z0, acceleration, alpha, ci };
  };
  const fields: Fields = {
    theta: summary.estimate,
    se: summary.standardError,
    first5: summary.resampled.slice(0, 5),
  };
  const intervals = {
    percentile: (level: number) => percentileInterval(summary, level),
    basic: (level: number) => basicInterval(summary, level),
    bca,
  };
  for (const key of keys) {
    const [kind = '', level] = key.split('_');
    if (kind in intervals) fields[key] = intervals[kind as keyof typeof intervals](Number(level));
  }
  return fields;
}

const functionValues: Record<string, (point: Json) => Fields> = {
  norm: ({ x }: Json) => ({ cdf: normalCdf(x), sf: normalSf(x), logcdf: normalLogCdf(x), pdf: normalDensity(x) }),
  norm_ppf: ({ p }: Json) => ({ x: normalQuantile(p) }),
  t: ({ x, df }: Json) => ({ cdf: distributions.studentCdf(x, df), sf: distributions.studentSf(x, df) }),
  t_ppf: ({ p, df }: Json) => ({ x: distributions.studentQuantile(p, df) }),
  chi2_sf: ({ x, df }: Json) => ({ sf: distributions.chiSquareSf(x, df) }),
  f_sf: ({ x, d1, d2 }: Json) => ({ sf: distributions.fSf(x, d1, d2) }),
  beta_ppf: ({ p, a, b }: Json) => ({ x: betaQuantile(p, a, b).x }),
  binom_cdf: ({ k, n, p }: Json) => ({
    cdf: distributions.binomialCdf(k, n, p),
    pmf: distributions.binomialMass(k, n, p),
  }),
};
