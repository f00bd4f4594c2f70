import { mean } from './descriptive.js';
import { incompleteBeta } from './incomplete-beta.js';
import { normalQuantile, normalSf } from './normal.js';
import { midRanks } from './ranks.js';

/** Pearson's r, its two-sided p-value and Fisher's interval (null below 4 pairs); NaN where x or y is constant. */
export function pearson(
  x: readonly number[],
  y: readonly number[],
  level = 0.95,
): { r: number; p: number; interval: [number, number] | null } {
  const n = x.length;
  const [dx, dy] = [standardised(x), standardised(y)];
  const r = Math.max(-1, Math.min(1, product(dx, dy)));
  if (n < 4) return { r, p: correlationP(r, n), interval: null };
  const half = normalQuantile(0.5 + level / 2) / Math.sqrt(n - 3);
  return { r, p: correlationP(r, n), interval: [Math.tanh(Math.atanh(r) - half), Math.tanh(Math.atanh(r) + half)] };
}

/** Spearman's ρ with the t approximation of its p-value (scipy.stats.spearmanr). */
export function spearman(x: readonly number[], y: readonly number[]): { rho: number; p: number } {
  const n = x.length;
  const [ranksX, ranksY] = [midRanks(x).ranks, midRanks(y).ranks];
  const deviations = (ranks: readonly number[]) => ranks.map((rank) => rank - (n + 1) / 2);
  const [dx, dy] = [deviations(ranksX), deviations(ranksY)];
  // Ranks and their squares are exact, so perfect agreement is exactly 1 this way.
  const ratio = product(dx, dy) / Math.sqrt(product(dx, dx) * product(dy, dy));
  const rho = Math.max(-1, Math.min(1, ratio));
  return { rho, p: correlationP(rho, n) };
}

export interface Kendall {
  tauB: number;
  tauC: number;
  /** Exact without ties for at most 33 pairs or at most one discordant pair, else asymptotic (SciPy's rule). */
  p: number;
  asymptoticP: number;
}

/** Kendall's τ (scipy.stats.kendalltau); NaN where x or y is constant. */
export function kendall(x: readonly number[], y: readonly number[]): Kendall {
  const n = x.length;
  let score = 0;
  let discordant = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const sign = Math.sign(x[i]! - x[j]!) * Math.sign(y[i]! - y[j]!);
      score += sign;
      if (sign < 0) discordant++;
    }
  }
  const pairs = (n * (n - 1)) / 2;
  const [tiesX, tiesY] = [tieSums(x), tieSums(y)];
  const m = n * (n - 1);
  const variance =
    (m * (2 * n + 5) - tiesX.spread - tiesY.spread) / 18 +
    (2 * tiesX.pairs * tiesY.pairs) / m +
    (n > 2 ? (tiesX.triples * tiesY.triples) / (9 * m * (n - 2)) : 0);
  const constant = tiesX.pairs === pairs || tiesY.pairs === pairs;
  const asymptoticP = constant ? NaN : Math.min(1, 2 * normalSf(Math.abs(score) / Math.sqrt(variance)));
  const smaller = Math.min(discordant, pairs - discordant);
  const exact = tiesX.pairs === 0 && tiesY.pairs === 0 && (n <= 33 || smaller <= 1);
  const classes = Math.min(new Set(x).size, new Set(y).size);
  return {
    tauB: score / Math.sqrt(pairs - tiesX.pairs) / Math.sqrt(pairs - tiesY.pairs),
    tauC: (2 * score * classes) / (n * n * (classes - 1)),
    p: exact && !Number.isNaN(score) ? exactKendallP(n, smaller) : asymptoticP,
    asymptoticP,
  };
}

/** 2 · P(at most `discordant` inversions in a random permutation of n). */
function exactKendallP(n: number, discordant: number): number {
  if (2 * discordant === (n * (n - 1)) / 2) return 1;
  let mass: Float64Array = new Float64Array([1]);
  for (let size = 2; size <= n; size++) {
    const next = new Float64Array(discordant + 1);
    mass.forEach((p, inversions) => {
      for (let added = 0; added < size && inversions + added <= discordant; added++) {
        next[inversions + added]! += p / size;
      }
    });
    mass = next;
  }
  return Math.min(1, 2 * mass.reduce((sum, p) => sum + p, 0));
}

function tieSums(values: readonly number[]): { pairs: number; triples: number; spread: number } {
  const sums = { pairs: 0, triples: 0, spread: 0 };
  for (const t of midRanks(values).groupSizes) {
    sums.pairs += (t * (t - 1)) / 2;
    sums.triples += t * (t - 1) * (t - 2);
    sums.spread += t * (t - 1) * (2 * t + 5);
  }
  return sums;
}

const product = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0);

/** Deviations from the mean with length 1; NaN for equal values, whose deviations are rounding at most. */
function standardised(values: readonly number[]): number[] {
  if (values.every((value) => value === values[0])) return values.map(() => NaN);
  const centre = mean(values);
  const deviations = values.map((value) => value - centre);
  // Divided by the largest first: squares of huge or tiny values are no numbers.
  const largest = deviations.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scaled = deviations.map((value) => value / largest);
  const length = Math.sqrt(product(scaled, scaled));
  return scaled.map((value) => value / length);
}

/** Two-sided p of r = 0: 1 − r² follows Beta(n/2 − 1, ½); two pairs always correlate perfectly. */
function correlationP(r: number, n: number): number {
  if (Number.isNaN(r)) return NaN;
  if (n === 2) return 1;
  return incompleteBeta(n / 2 - 1, 0.5, (1 - r) * (1 + r), r * r).lower;
}
