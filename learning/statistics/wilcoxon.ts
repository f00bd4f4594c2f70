import { RatchetError } from '../../config/errors.js';
import { normalSf } from './normal.js';
import { doubledPValues, UNDEFINED_P, type PValues } from './p-values.js';
import { midRanks, tieTerm } from './ranks.js';

/**
 * What becomes of zero differences: `wilcox` drops them, `pratt` ranks them and drops their ranks, `zsplit` gives half
 * of their ranks to each side.
 */
export type ZeroRule = 'wilcox' | 'pratt' | 'zsplit';

export interface Wilcoxon {
  /** Rank sum of the positive differences. */
  positive: number;
  /** The smaller of both rank sums. */
  statistic: number;
  /** −|z| of the normal approximation; null for exact methods. */
  z: number | null;
  p: PValues;
}

/** SciPy asks for exact results up to this many pairs, and with ties or zeros up to 13. */
const AUTO_EXACT_UP_TO = 50;
const AUTO_MIDRANK_UP_TO = 13;

/** Wilcoxon's signed-rank test by its normal approximation (scipy.stats.wilcoxon(method='asymptotic')). */
export function wilcoxonApproximate(
  differences: readonly number[],
  zeros: ZeroRule = 'wilcox',
  continuity = false,
): Wilcoxon {
  const { positive, negative, count, zeroCount, tieCorrection } = signedRanks(differences, zeros);
  let centre = (count * (count + 1)) / 4;
  let spread = count * (count + 1) * (2 * count + 1);
  if (zeros === 'pratt') {
    centre -= (zeroCount * (zeroCount + 1)) / 4;
    spread -= zeroCount * (zeroCount + 1) * (2 * zeroCount + 1);
  }
  const error = Math.sqrt((spread - tieCorrection / 2) / 24);
  const raw = (positive - centre) / error;
  const shift = continuity ? 0.5 / error : 0;
  const z = Math.abs(raw - Math.sign(raw) * shift);
  const p = {
    twoSided: Math.min(1, 2 * normalSf(z)),
    less: normalSf(-(raw + shift)),
    greater: normalSf(raw - shift),
  };
  return { positive, statistic: Math.min(positive, negative), z: -z, p };
}

/**
 * Exact Wilcoxon test over all signs of the non-zero differences, with mid-ranks where sizes are equal. Without zeros
 * and ties this is the tabulated distribution (scipy.stats.wilcoxon(method='exact')).
 */
export function wilcoxonExact(differences: readonly number[]): Wilcoxon {
  const { positive, negative, ranks } = signedRanks(differences, 'wilcox');
  if (Number.isNaN(positive)) return { positive, statistic: NaN, z: null, p: UNDEFINED_P };
  // Mid-ranks are halves: doubled they are whole, and the sums can be counted.
  const doubled = ranks.map((rank) => Math.round(2 * rank));
  let mass: Float64Array = new Float64Array([1]);
  for (const rank of doubled) {
    const next = new Float64Array(mass.length + rank);
    mass.forEach((p, sum) => {
      next[sum]! += p / 2;
      next[sum + rank]! += p / 2;
    });
    mass = next;
  }
  const at = Math.round(2 * positive);
  const total = (part: Float64Array) => part.reduce((sum, p) => sum + p, 0);
  return {
    positive,
    statistic: Math.min(positive, negative),
    z: null,
    p: doubledPValues(total(mass.slice(0, at + 1)), total(mass.slice(at))),
  };
}

/**
 * Wilcoxon's signed-rank test of paired differences: exact for small samples, else the normal approximation without
 * continuity correction (SciPy's method='auto'). A difference that is not a number makes the sums and p NaN.
 * @throws RatchetError E_DATA_INVALID when every difference is zero
 */
export function wilcoxonTest(differences: readonly number[]): Wilcoxon {
  const { ranks, tieCorrection } = signedRanks(differences, 'wilcox');
  if (ranks.length === 0) {
    throw new RatchetError('E_DATA_INVALID', 'the Wilcoxon test needs a difference that is not zero', {
      hint: 'Equal pairs carry no information: report "no difference".',
    });
  }
  const n = differences.length;
  const isPlain = tieCorrection === 0 && ranks.length === n;
  return n <= (isPlain ? AUTO_EXACT_UP_TO : AUTO_MIDRANK_UP_TO)
    ? wilcoxonExact(differences)
    : wilcoxonApproximate(differences);
}

function signedRanks(differences: readonly number[], zeros: ZeroRule) {
  const kept = zeros === 'wilcox' ? differences.filter((value) => value !== 0) : differences;
  const { ranks, groupSizes } = midRanks(kept.map(Math.abs));
  const zeroCount = kept.filter((value) => value === 0).length;
  let [positive, negative, ofZeros] = [0, 0, 0];
  kept.forEach((value, index) => {
    if (value > 0) positive += ranks[index]!;
    else if (value < 0) negative += ranks[index]!;
    else ofZeros += ranks[index]!;
  });
  if (differences.some(Number.isNaN)) [positive, negative] = [NaN, NaN];
  if (zeros === 'zsplit') {
    positive += ofZeros / 2;
    negative += ofZeros / 2;
  }
  // Pratt's zeros are ranked but not tied with one another; |0| is the smallest, so theirs is the first group.
  const tied = zeros === 'pratt' && zeroCount > 0 ? groupSizes.slice(1) : groupSizes;
  return { positive, negative, ranks, count: kept.length, zeroCount, tieCorrection: tieTerm(tied) };
}
