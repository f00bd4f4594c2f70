import { RatchetError } from '../../config/errors.js';
import { normalSf } from './normal.js';
import { doubledPValues, UNDEFINED_P, type PValues } from './p-values.js';
import { midRanks, tieTerm } from './ranks.js';

export interface MannWhitney {
  /** U of x: pairs in which x is larger, ties counted half. */
  u: number;
  p: PValues;
  method: 'asymptotic' | 'exact';
}

/** `auto` is exact when one sample has at most this many values and there are no ties (SciPy's rule). */
const EXACT_UP_TO = 8;

/**
 * Mann–Whitney U test (scipy.stats.mannwhitneyu): exact distribution, or normal approximation with tie correction and,
 * by default, continuity correction.
 * A value that is not a number makes U and p NaN.
 * @throws RatchetError E_USAGE for `exact` with ties, whose distribution it is not
 */
export function mannWhitneyTest(
  x: readonly number[],
  y: readonly number[],
  options: { method?: 'auto' | 'asymptotic' | 'exact'; continuity?: boolean } = {},
): MannWhitney {
  const { method = 'auto', continuity = true } = options;
  const { ranks, groupSizes } = midRanks([...x, ...y]);
  const u = ranks.slice(0, x.length).reduce((sum, rank) => sum + rank, 0) - (x.length * (x.length + 1)) / 2;
  if (Number.isNaN(u)) return { u, method: 'asymptotic', p: UNDEFINED_P };
  const pairs = x.length * y.length;
  const hasTies = groupSizes.some((size) => size > 1);
  const exact = method === 'exact' || (method === 'auto' && !hasTies && Math.min(x.length, y.length) <= EXACT_UP_TO);
  if (exact) {
    if (hasTies) {
      throw new RatchetError('E_USAGE', 'the exact Mann–Whitney distribution holds only without equal values', {
        hint: "Use method 'asymptotic', or permutationTest for small samples.",
      });
    }
    const mass = rankSumMass(x.length, y.length);
    const atLeast = (value: number) => mass.slice(value).reduce((sum, p) => sum + p, 0);
    return { u, method: 'exact', p: doubledPValues(atLeast(pairs - u), atLeast(u)) };
  }
  const n = x.length + y.length;
  const deviation = Math.sqrt((pairs / 12) * (n + 1 - tieTerm(groupSizes) / (n * (n - 1))));
  const tail = (value: number) => normalSf((value - pairs / 2 - (continuity ? 0.5 : 0)) / deviation);
  return { u, method: 'asymptotic', p: doubledPValues(tail(pairs - u), tail(u)) };
}

/** P(U = 0 … m·n) without ties, by p(m,n)[u] = m/(m+n) p(m−1,n)[u−n] + n/(m+n) p(m,n−1)[u]: no subtraction. */
function rankSumMass(m: number, n: number): Float64Array {
  let above = Array.from({ length: n + 1 }, () => new Float64Array([1]));
  for (let i = 1; i <= m; i++) {
    const row = [new Float64Array([1])];
    for (let j = 1; j <= n; j++) {
      const mass = new Float64Array(i * j + 1);
      const [fromX, fromY] = [i / (i + j), j / (i + j)];
      const [up, left] = [above[j]!, row[j - 1]!];
      for (let u = 0; u < up.length; u++) mass[u + j] = up[u]! * fromX;
      for (let u = 0; u < left.length; u++) mass[u]! += left[u]! * fromY;
      row.push(mass);
    }
    above = row;
  }
  return above[n]!;
}
