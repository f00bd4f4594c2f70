import { describe, expect, it } from 'vitest';
import type { ClaimMeasure } from '../../../config/claims.js';
import { distinctBigrams, symmetricEigenvalues, vendiScore } from '../../../learning/claims/diversity.js';
import { measureArm } from '../../../learning/claims/measure-arm.js';
import { run } from './runs.js';

const other = run('v1', 1, [50, 60, 70]);
const measure = (scores: number[], name: ClaimMeasure) =>
  measureArm(run('v2', 1, scores), name, { targetScore: 80, other });

describe('the budget to a score', () => {
  it('is read at the first of two evaluations in a row', () => {
    expect(measure([81, 70, 80, 80, 90], 'labelsToTarget')).toEqual({ value: 300, censored: false });
    expect(measure([70, 80, 85], 'secondsToTarget')).toEqual({ value: 20, censored: false });
    expect(measure([70, 80, 85], 'visitsToTarget')).toEqual({ value: 2000, censored: false });
    expect(measure([70, 80, 85], 'operationsToTarget')).toEqual({ value: 2e6, censored: false });
  });

  it('to success asks for 80 % of good answers instead of 80 points', () => {
    expect(measure([79, 81, 79, 80, 80], 'labelsToSuccess')).toEqual({ value: 400, censored: false });
    const late = run('v2', 1, [90, 90, 90]);
    late.rounds[0]!.successRate = 0.79;
    expect(measureArm(late, 'labelsToSuccess', { targetScore: 80, other })).toEqual({ value: 200, censored: false });
  });

  it('is the whole one, censored, when the score is reached once or never', () => {
    expect(measure([70, 79.9, 80], 'labelsToTarget')).toEqual({ value: 300, censored: true });
    expect(measure([70, 79.9, 79.9], 'labelsToTarget')).toEqual({ value: 300, censored: true });
    expect(measure([70, 70, 70, 70], 'labelsToTarget')).toEqual({ value: 400, censored: true });
  });

  it('is that of the other side where a run has spent less without success', () => {
    expect(measure([70, 70], 'labelsToTarget')).toEqual({ value: 300, censored: true });
    expect(measure([60], 'labelsToReference')).toEqual({ value: 300, censored: true });
  });

  it('to the reference is the least with which it comes within a point', () => {
    expect(measure([60, 69, 90], 'labelsToReference')).toEqual({ value: 200, censored: false });
    expect(measure([60, 68.9, 68.9], 'labelsToReference')).toEqual({ value: 300, censored: true });
  });
});

it('the area per label is the mean of the learning curve', () => {
  expect(measure([40, 40], 'scorePerLabel')!.value).toBeCloseTo(40, 12);
  expect(measure([60, 80], 'scorePerLabel')!.value).toBeCloseTo(60, 12);
});

it('the area per operation ends where the cheaper side does', () => {
  const dearer = run('v2', 1, [60, 80]);
  dearer.rounds.forEach((round, place) => (round.operations = [2e6, 4e6][place]!));
  // From 40 to 60 over 2e6 operations, and to 70 over the next 1e6.
  const { value } = measureArm(dearer, 'scorePerOperation', { targetScore: 80, other })!;
  expect(value).toBeCloseTo((2 * 50 + 1 * 65) / 3, 12);
  const idle = run('v2', 1, [40, 40]);
  idle.rounds.forEach((round) => (round.operations = 0));
  expect(measureArm(idle, 'scorePerOperation', { targetScore: 80, other })!.value).toBe(40);
});

it('operations are no measure of runs that were played before they were counted', () => {
  const old = run('v1', 1, [50, 60, 70]);
  old.rounds.forEach((round) => delete round.operations);
  for (const name of ['operationsToTarget', 'scorePerOperation'] as const)
    expect(measureArm(run('v2', 1, [70, 80, 85]), name, { targetScore: 80, other: old })).toBeNull();
});

it('hard examples are a mean over rounds', () => {
  expect(measure([1, 1, 1], 'hardShare')!.value).toBeCloseTo(0.2, 12);
});

describe('diversity', () => {
  it('copies add nothing', () => {
    const texts = ['a shop sells items', 'client calls api'];
    expect(distinctBigrams([...texts, ...texts])).toBe(5);
    expect(vendiScore([texts[0]!, texts[0]!, texts[0]!])).toBeCloseTo(1, 9);
    expect(vendiScore([...texts, ...texts])).toBeCloseTo(vendiScore(texts), 9);
  });

  it('texts with no word in common count each', () => {
    expect(vendiScore(['alpha', 'beta'])).toBeCloseTo(2, 6);
  });

  it('finds the eigenvalues of a symmetric matrix', () => {
    const matrix = [
      [2, 1, 0],
      [1, 2, 1],
      [0, 1, 2],
    ].map((row) => Float64Array.from(row));
    const values = symmetricEigenvalues(matrix).toSorted((a, b) => a - b);
    [2 - Math.SQRT2, 2, 2 + Math.SQRT2].forEach((value, place) => expect(values[place]).toBeCloseTo(value, 10));
  });
});
