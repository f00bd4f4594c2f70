import { binomialCdf, binomialMass, chiSquareSf } from './distributions.js';

/** Exact two-sided sign test: positive against negative differences, zeros dropped. p = 1 when all are zero. */
export function signTest(differences: readonly number[]): { positive: number; count: number; p: number } {
  const positive = differences.filter((value) => value > 0).length;
  const count = positive + differences.filter((value) => value < 0).length;
  return { positive, count, p: evenSplitP(positive, count) };
}

export interface McNemar {
  exact: { statistic: number; p: number };
  /** Exact p less half the probability of the observed count (Fagerland, Lydersen & Laake 2013). */
  midP: number;
  /** χ² with one degree of freedom, without and with continuity correction; null without discordant pairs. */
  chiSquare: { statistic: number; p: number } | null;
  corrected: { statistic: number; p: number } | null;
}

/**
 * McNemar's test of two classifiers on the same cases.
 * @param firstOnly cases only the first gets right
 * @param secondOnly cases only the second gets right
 */
export function mcNemarTest(firstOnly: number, secondOnly: number): McNemar {
  const count = firstOnly + secondOnly;
  const smaller = Math.min(firstOnly, secondOnly);
  const exact = evenSplitP(smaller, count);
  const chiSquare = (distance: number) => {
    if (count === 0) return null;
    const statistic = distance ** 2 / count;
    return { statistic, p: chiSquareSf(statistic, 1) };
  };
  const distance = Math.abs(firstOnly - secondOnly);
  // With b = c the doubled tail exceeds 1 by the mass of the observed count, of which the mid-p keeps half twice.
  const midP = Math.min(1, 2 * binomialCdf(smaller, count, 0.5) - binomialMass(smaller, count, 0.5));
  return {
    exact: { statistic: smaller, p: exact },
    midP,
    chiSquare: chiSquare(distance),
    corrected: chiSquare(distance - 1),
  };
}

function evenSplitP(successes: number, count: number): number {
  return Math.min(1, 2 * binomialCdf(Math.min(successes, count - successes), count, 0.5));
}
