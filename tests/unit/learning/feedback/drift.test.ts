import { array, assert, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { populationStabilityIndex } from '../../../../learning/feedback/drift.js';

const counts = (...values: number[]) => new Map(values.map((value, index) => [String(index), value]));

describe('populationStabilityIndex', () => {
  it('sums (p − q) ln(p / q) over smoothed shares', () => {
    // (10.5 / 21, 10.5 / 21) against (5.5 / 21, 15.5 / 21).
    const expected = ((10.5 - 5.5) / 21) * Math.log(10.5 / 5.5) + ((10.5 - 15.5) / 21) * Math.log(10.5 / 15.5);
    expect(populationStabilityIndex(counts(5, 15), counts(10, 10))).toBeCloseTo(expected, 12);
  });

  it('is finite for a category that one side lacks, and large for a full swap', () => {
    const swapped = populationStabilityIndex(new Map([['erd', 100]]), new Map([['code', 100]]));
    expect(swapped).toBeGreaterThan(5);
    expect(Number.isFinite(swapped)).toBe(true);
  });

  it('is 0 for equal counts, never negative, and symmetric', () => {
    const samples = array(nat(1000), { minLength: 1, maxLength: 6 });
    assert(
      property(samples, samples, (left, right) => {
        const index = populationStabilityIndex(counts(...left), counts(...right));
        expect(index).toBeGreaterThanOrEqual(-1e-12);
        expect(populationStabilityIndex(counts(...right), counts(...left))).toBeCloseTo(index, 10);
        expect(populationStabilityIndex(counts(...left), counts(...left))).toBe(0);
      }),
    );
  });
});
