import { describe, expect, it } from 'vitest';
import { Claim, type ArmResult, type ClaimRow } from '../../../config/claims.js';
import { judgeClaims } from '../../../learning/claims/judge-claims.js';
import { run } from './runs.js';

const score = (changes: Partial<Claim> = {}): Claim =>
  Claim.parse({
    id: 'score',
    claimed: '',
    measure: 'score',
    target: { of: 'arm', value: 85 },
    headline: true,
    ...changes,
  });
/** V2's last scores beside a V1 that ends at 70. */
const runs = (...finals: number[]): ArmResult[] =>
  finals.flatMap((final, seed) => [run('v1', seed, [50, 70]), run('v2', seed, [50, final])]);
const judge = (claim: Claim, evidence: readonly ArmResult[]): ClaimRow =>
  judgeClaims([claim], { runs: evidence, probes: [], targetScore: 80 })[0]!;

describe('verdicts', () => {
  it.each([
    ['met', [86, 90, 88]],
    ['improved, below target', [76, 80, 78]],
    ['no effect', [60, 72, 78]],
    ['worse', [60, 62, 61]],
  ])('%s for V2 at %s against 70', (verdict, finals) => {
    expect(judge(score(), runs(...finals)).verdict).toBe(verdict);
  });

  it('turns a measure that should be low', () => {
    const drop = (v1: number, v2: number) => [
      run('v1', 1, [70], { robustnessDrop: v1 }),
      run('v2', 1, [70], { robustnessDrop: v2 }),
      run('v1', 2, [70], { robustnessDrop: v1 + 1 }),
      run('v2', 2, [70], { robustnessDrop: v2 + 1 }),
    ];
    const claim = score({
      measure: 'robustnessDrop',
      better: 'lower',
      comparison: 'ratio',
      target: { of: 'comparison', value: 0.8 },
    });
    expect(judge(claim, drop(10, 5)).verdict).toBe('met');
    expect(judge(claim, drop(10, 9)).verdict).toBe('improved, below target');
    expect(judge(claim, drop(5, 10)).verdict).toBe('worse');
  });

  it('shows no effect from one pair, and none without runs', () => {
    expect(judge(score(), runs(90))).toMatchObject({ verdict: 'no effect', interval: null, seeds: 1 });
    expect(judge(score(), [run('v2', 1, [90])])).toMatchObject({ verdict: 'not measured', measured: null, seeds: 0 });
  });
});

it('pairs by seed: a difference that is the same on every seed has no width, however the seeds differ', () => {
  const paired = [50, 70, 90].flatMap((level, seed) => [run('v1', seed, [level - 10]), run('v2', seed, [level])]);
  const row = judge(score(), paired.toReversed());
  expect(row.interval).toEqual([10, 10]);
  expect(row.measuredGain).toBe(10);
  expect(row.p).toBe(2 / 2 ** 3);
});

it('reads the score of one artifact type', () => {
  const typed = (arm: string, seed: number, erd: number) => run(arm, seed, [70], { byType: { erd } });
  const evidence = [1, 2].flatMap((seed) => [typed('v1', seed, 40 + seed), typed('v2', seed, 60 + seed)]);
  expect(judge(score({ artifactType: 'erd' }), evidence).measuredGain).toBe(20);
  expect(judge(score({ artifactType: 'architecture' }), evidence).verdict).toBe('not measured');
});

it.each([
  ['met', [69.5, 70.5, 70]],
  ['no effect', [66, 74, 70]],
  ['worse', [66, 67, 66]],
])('is %s that it loses at most a point, for V2 at %s against 70', (verdict, finals) => {
  expect(judge(score({ target: null, margin: 1 }), runs(...finals)).verdict).toBe(verdict);
});

it('Holm corrects over the measured headlines alone', () => {
  const claims = [
    score(),
    score({ id: 'success', measure: 'successRate' }),
    score({ id: 'control', headline: false }),
    score({ id: 'none', measure: null }),
  ];
  const rows = judgeClaims(claims, { runs: runs(80, 82, 84, 86), probes: [], targetScore: 80 });
  expect(rows.map((row) => row.p)).toEqual([0.125, 0.125, 0.125, null]);
  expect(rows.map((row) => row.pHolm)).toEqual([0.25, 0.25, null, null]);
});

it('counts what never reached the score with its whole budget, and says so', () => {
  const claim = score({
    measure: 'labelsToTarget',
    better: 'lower',
    comparison: 'ratio',
    target: { of: 'comparison', value: 0.7 },
  });
  const evidence = [
    ...[1, 2].map((seed) => run('v1', seed, [50, 60, 70, 75])),
    ...[1, 2].map((seed) => run('v2', seed, [70, 81, 82, 83])),
  ];
  const row = judge(claim, evidence);
  expect(row.levels).toEqual({ arm: 200, against: 400 });
  expect(row).toMatchObject({ measuredGain: 0.5, censored: { arm: 0, against: 2 }, verdict: 'met' });
});

it('giving up early is no gain', () => {
  const claim = score({
    measure: 'secondsToTarget',
    better: 'lower',
    comparison: 'ratio',
    target: { of: 'comparison', value: 0.6 },
  });
  const evidence = [1, 2, 3].flatMap((seed) => [run('v1', seed, [50, 60, 70]), run('v2', seed, [50])]);
  expect(judge(claim, evidence)).toMatchObject({
    measuredGain: 1,
    verdict: 'no effect',
    censored: { arm: 3, against: 3 },
  });
});

it('gates that throw good labels away do not meet their claim', () => {
  const claim = score({ measure: 'genericShare', better: 'lower', target: { of: 'arm', value: 0.03 } });
  const probes = (goodKept: number) =>
    [1, 2, 3].map((seed) => ({
      key: '',
      seed,
      values: { genericShare: { v1: 0.2, v2: 0.01 } },
      goodKept: { v1: 1, v2: goodKept },
      gates: [],
    }));
  const verdict = (goodKept: number) =>
    judgeClaims([claim], { runs: [], probes: probes(goodKept), targetScore: 80 })[0]!.verdict;
  expect(verdict(0.99)).toBe('met');
  expect(verdict(0.5)).toBe('improved, below target');
});
