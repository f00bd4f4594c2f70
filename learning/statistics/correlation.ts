import { mean } from './descriptive.js';
import { incompleteBeta } from './incomplete-beta.js';
import { normalQuantile, normalSf } from './normal.js';
import { midRanks } from './ranks.js';

/** Pearson's r, its two-sided p-value and Fisher's interval (null below 4 pairs). */
export function pearson(
  x: readonly number[],
  y: readonly number[],
  level = 0.95,
): { r: number; p: number; interval: [number, number] | null } {
  const n = x.length;
  const r = coefficient(x, y);
  if (n < 4) return { r, p: correlationP(r, n), interval: null };
  const half = normalQuantile(0.5 + level / 2) / Math.sqrt(n - 3);
  return { r, p: correlationP(r, n), interval: [Math.tanh(Math.atanh(r) - half), Math.tanh(Math.atanh(r) + half)] };
}

/** Spearman's ρ with the t approximation of its p-value (scipy.stats.spearmanr). */
export function spearman(x: readonly number[], y: readonly number[]): { rho: number; p: number } {
  const rho = coefficient(midRanks(x).ranks, midRanks(y).ranks);
  return { rho, p: correlationP(rho, x.length) };
}

export interface Kendall {
  tauB: number;
  tauC: number;
  /** Exact without ties for at most 33 pairs or at most one discordant pair, else asymptotic (SciPy's rule). */
  p: number;
  asymptoticP: number;
}

/** Kendall's τ (scipy.stats.kendalltau). */
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
  const asymptoticP = Math.min(1, 2 * normalSf(Math.abs(score) / Math.sqrt(variance)));
  const smaller = Math.min(discordant, pairs - discordant);
  const exact = tiesX.pairs === 0 && tiesY.pairs === 0 && (n <= 33 || smaller <= 1);
  const classes = Math.min(new Set(x).size, new Set(y).size);
  return {
    tauB: score / Math.sqrt(pairs - tiesX.pairs) / Math.sqrt(pairs - tiesY.pairs),
    tauC: (2 * score * classes) / (n * n * (classes - 1)),
    p: exact ? exactKendallP(n, smaller) : asymptoticP,
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

function coefficient(x: readonly number[], y: readonly number[]): number {
  const [centreX, centreY] = [mean(x), mean(y)];
  let [products, squaresX, squaresY] = [0, 0, 0];
  x.forEach((value, index) => {
    const [dx, dy] = [value - centreX, y[index]! - centreY];
    products += dx * dy;
    squaresX += dx * dx;
    squaresY += dy * dy;
  });
  return Math.max(-1, Math.min(1, products / Math.sqrt(squaresX * squaresY)));
}

/** Two-sided p of r = 0: 1 − r² follows Beta(n/2 − 1, ½); two pairs always correlate perfectly. */
function correlationP(r: number, n: number): number {
  if (n === 2) return 1;
  return incompleteBeta(n / 2 - 1, 0.5, (1 - r) * (1 + r), r * r).lower;
}
