import type { ArmResult, Claim, ClaimRow, ProbeResult, Verdict } from '../../config/claims.js';
import { stream } from '../../config/random.js';
import { bootstrap, percentileInterval } from '../statistics/bootstrap-intervals.js';
import { mean } from '../statistics/descriptive.js';
import { cohensDz } from '../statistics/effect-size.js';
import { adjustPValues } from '../statistics/multiple-testing.js';
import { signFlipTest } from '../statistics/sign-flip-test.js';
import { measureArm, type Measured } from './measure-arm.js';

export interface Evidence {
  runs: readonly ArmResult[];
  probes: readonly ProbeResult[];
  targetScore: number;
}

interface Pair {
  arm: Measured;
  against: Measured;
}

const RESAMPLES = 10_000;
/** Share of good labels that gates must keep for their claim to be met. */
const LEAST_GOOD_KEPT = 0.95;
/** More pairs than the exact sign-flip test enumerates are not needed: the first count, by seed. */
const MOST_PAIRS = 24;

/**
 * Judges every claim on the paired seeds that both sides have. The interval is a paired bootstrap over seeds (10,000
 * resamples, percentile, 95 %); p is the exact two-sided sign-flip test of the differences; Holm corrects over the
 * headlines that were measured. The verdict follows the interval: it must exclude "no difference", and the point
 * estimate decides whether the target is met. With a margin (non-inferiority) the whole interval must lie above it.
 */
export function judgeClaims(claims: readonly Claim[], evidence: Evidence): ClaimRow[] {
  const rows = claims.map((claim) => judge(claim, pairsOf(claim, evidence)));
  const kept = evidence.probes.map((probe) => probe.goodKept.v2);
  for (const row of rows.filter((_, place) => claims[place]!.measure === 'genericShare')) {
    // Gates that throw the good away as well meet nothing.
    if (row.verdict === 'met' && mean(kept) < LEAST_GOOD_KEPT) row.verdict = 'improved, below target';
  }
  const family = rows.filter((row) => row.headline && row.p !== null);
  const adjusted = adjustPValues(
    family.map((row) => row.p!),
    'holm',
  );
  family.forEach((row, place) => (row.pHolm = adjusted[place]!));
  return rows;
}

function pairsOf(claim: Claim, { runs, probes, targetScore }: Evidence): Pair[] {
  const { measure, arm, against, artifactType } = claim;
  if (measure === null) return [];
  const probed = probes
    .toSorted((a, b) => a.seed - b.seed)
    .flatMap(({ values }): Pair[] => {
      const both = values[measure];
      return both ? [{ arm: { value: both.v2, censored: false }, against: { value: both.v1, censored: false } }] : [];
    });
  const played = runs
    .filter((run) => run.arm === arm)
    .toSorted((a, b) => a.seed - b.seed)
    .flatMap((run): Pair[] => {
      const reference = runs.find((other) => other.arm === against && other.seed === run.seed);
      if (reference === undefined) return [];
      const own = measureArm(run, measure, { targetScore, artifactType, other: reference });
      const other = measureArm(reference, measure, { targetScore, artifactType, other: run });
      // The data claim asks how much of the reference's whole budget is needed, not when the reference got there itself.
      if (measure === 'labelsToReference' && own !== null) {
        return [{ arm: own, against: { value: reference.rounds.at(-1)!.labels, censored: false } }];
      }
      return own === null || other === null ? [] : [{ arm: own, against: other }];
    });
  return [...probed, ...played].slice(0, MOST_PAIRS);
}

function judge(claim: Claim, pairs: readonly Pair[]): ClaimRow {
  const { id, claimed, comparison, better, target, margin, headline, note } = claim;
  const head = { id, claimed, comparison, better, target, margin, headline, note };
  const nothing = {
    p: null,
    pHolm: null,
    effectSize: null,
    interval: null,
    measuredGain: null,
    measured: null,
    levels: null,
  };
  if (pairs.length === 0) {
    return { ...head, ...nothing, seeds: 0, censored: null, verdict: 'not measured' };
  }
  const own = pairs.map((pair) => pair.arm.value);
  const other = pairs.map((pair) => pair.against.value);
  const compare = (places: readonly number[]): number => {
    const [a, b] = [mean(places.map((place) => own[place]!)), mean(places.map((place) => other[place]!))];
    return comparison === 'ratio' ? a / b : a - b;
  };
  const random = stream(1, 'claims', 'bootstrap', id);
  const resamples = Array.from({ length: RESAMPLES }, () => pairs.map(() => Math.floor(random.float() * pairs.length)));
  const summary = bootstrap([...pairs.keys()], compare, resamples);
  const estimate = compare([...pairs.keys()]);
  const isNumber = pairs.length > 1 && Number.isFinite(estimate) && summary.resampled.every(Number.isFinite);
  const interval = isNumber ? percentileInterval(summary, 0.95) : null;
  const censored = { arm: count(pairs, 'arm'), against: count(pairs, 'against') };
  const levels = { arm: mean(own), against: mean(other) };
  return {
    ...head,
    measured: `${shown(levels.arm)} against ${shown(levels.against)}`,
    levels,
    measuredGain: Number.isFinite(estimate) ? estimate : null,
    interval,
    seeds: pairs.length,
    censored: censored.arm + censored.against > 0 ? censored : null,
    p: signFlipTest(own.map((value, place) => value - other[place]!)).twoSided,
    pHolm: null,
    effectSize: pairs.length > 1 ? cohensDz(own, other) : null,
    verdict: verdictOf(claim, levels.arm, estimate, interval),
  };
}

/** See {@link judgeClaims}. Without an interval (a single pair, a division by 0) no effect is shown. */
function verdictOf(claim: Claim, level: number, estimate: number, interval: [number, number] | null): Verdict {
  if (interval === null) return 'no effect';
  const none = claim.comparison === 'ratio' ? 1 : 0;
  const [low, high] = claim.better === 'higher' ? interval : [-interval[1], -interval[0]];
  const zero = claim.better === 'higher' ? none : -none;
  if (claim.margin !== undefined && low >= zero - claim.margin) return 'met';
  if (high < zero) return 'worse';
  if (!(low > zero)) return 'no effect';
  if (claim.target === null) return 'improved, below target';
  const { of, value, to } = claim.target;
  const reached = of === 'arm' ? level : estimate;
  const isMet = claim.better === 'higher' ? reached >= value && reached <= (to ?? Infinity) : reached <= value;
  return isMet ? 'met' : 'improved, below target';
}

function count(pairs: readonly Pair[], side: keyof Pair): number {
  return pairs.filter((pair) => pair[side].censored).length;
}

function shown(value: number): string {
  // Operations: 5583769214790 is 5.58e12.
  if (Math.abs(value) >= 1e6) return value.toExponential(2).replace('+', '');
  return Math.abs(value) >= 20 ? value.toFixed(1) : Number(value.toPrecision(3)).toString();
}
