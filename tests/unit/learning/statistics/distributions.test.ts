import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binomialCdf,
  binomialMass,
  binomialSf,
  chiSquareCdf,
  chiSquareSf,
  fCdf,
  fSf,
  noncentralStudentSf,
  studentCdf,
  studentQuantile,
  studentSf,
} from '../../../../learning/statistics/distributions.js';
import { findRoot } from '../../../../learning/statistics/find-root.js';
import { logBeta, logChoose, logGamma } from '../../../../learning/statistics/gamma-functions.js';
import { gaussLegendre } from '../../../../learning/statistics/gauss-legendre.js';
import { betaQuantile, incompleteBeta } from '../../../../learning/statistics/incomplete-beta.js';
import { normalCdf, normalLogCdf, normalQuantile, normalSf } from '../../../../learning/statistics/normal.js';

const probability = fc.double({ min: 1e-12, max: 1 - 1e-9, noNaN: true });
const shape = fc.double({ min: 0.2, max: 400, noNaN: true });

describe('distribution functions', () => {
  it('know the closed forms', () => {
    expect(Math.exp(logGamma(11))).toBeCloseTo(3_628_800, 4);
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 14);
    expect(Math.exp(logChoose(50, 3))).toBeCloseTo(19_600, 7);
    expect(logBeta(1e5, 0.5)).toBeCloseTo(0.5 * Math.log(Math.PI / 1e5), 5);
    expect(chiSquareSf(3, 2)).toBeCloseTo(Math.exp(-1.5), 13);
    expect(studentCdf(1, 1)).toBeCloseTo(0.75, 14);
    expect(fSf(1, 7, 7)).toBeCloseTo(0.5, 14);
  });

  it('keep their relative precision far in the tails', () => {
    expect(normalSf(37) / 5.725571222524577e-300).toBeCloseTo(1, 10);
    expect(normalLogCdf(-1000)).toBeCloseTo(-500_007.826694812, 6);
    expect(binomialCdf(0, 1000, 0.5) / 2 ** -1000).toBeCloseTo(1, 9);
  });

  it('take zero, infinity and impossible counts', () => {
    expect([normalQuantile(0), normalQuantile(1), normalQuantile(0.5)]).toEqual([-Infinity, Infinity, 0]);
    expect(normalQuantile(-0.1)).toBeNaN();
    expect([chiSquareSf(0, 3), chiSquareCdf(Infinity, 3), fSf(0, 1, 2), fSf(Infinity, 1, 2)]).toEqual([1, 1, 1, 0]);
    expect([fCdf(0, 1, 2), fCdf(Infinity, 1, 2), studentSf(Infinity, 3)]).toEqual([0, 1, 0]);
    expect([binomialMass(4, 3, 0.5), binomialMass(0, 3, 0), binomialMass(3, 3, 1)]).toEqual([0, 1, 1]);
    expect([binomialCdf(-1, 3, 0.5), binomialCdf(3, 3, 0.5), binomialSf(-1, 3, 0.5), binomialSf(3, 3, 0.5)]).toEqual([
      0, 1, 1, 0,
    ]);
    expect([betaQuantile(0, 2, 3).x, betaQuantile(1, 2, 3).x]).toEqual([0, 1]);
  });

  it('are inverted by their quantiles', () => {
    fc.assert(
      fc.property(probability, shape, shape, (p, a, b) => {
        expect(normalCdf(normalQuantile(p)) / p).toBeCloseTo(1, 9);
        expect(studentCdf(studentQuantile(p, a), a) / p).toBeCloseTo(1, 8);
        const { x, y } = betaQuantile(p, a, b);
        expect(incompleteBeta(a, b, x, y).lower / p).toBeCloseTo(1, 8);
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  // SciPy 1.17.1: norm.ppf, t.sf, t.ppf, chi2.sf.
  it('keep their digits near the middle and with millions of degrees of freedom', () => {
    const expected: [actual: number, value: number][] = [
      [normalQuantile(0.49999999), -2.5066282733116225e-8],
      [normalQuantile(0.5000000001), 2.506628482030354e-10],
      [studentSf(3, 1e8), 0.0013498983640187468],
      [studentSf(9, 1e10), 1.1285885956156755e-19],
      [studentQuantile(0.975, 1e10), 1.959963984777281],
      [studentQuantile(1e-10, 1e8), -6.361341561862986],
      [chiSquareSf(1e7, 1e7), 0.4999405291960622],
      [chiSquareSf(10_010_000, 1e7), 0.012693185164478446],
    ];
    for (const [actual, value] of expected) expect(actual / value).toBeCloseTo(1, 11);
  });

  it('know nothing of what is not a number', () => {
    expect([studentCdf(NaN, 3), chiSquareSf(NaN, 3), fSf(NaN, 2, 3), normalCdf(NaN)]).toEqual([NaN, NaN, NaN, NaN]);
  });

  it('noncentral t without noncentrality is Student’s', () => {
    for (const df of [3, 12.5, 200]) expect(noncentralStudentSf(1.7, df, 0)).toBeCloseTo(studentSf(1.7, df), 9);
  });

  it('Gauss–Legendre with n points integrates polynomials of degree 2n − 1 exactly', () => {
    const { nodes, weights } = gaussLegendre(5, 0, 2);
    expect(nodes.reduce((sum, x, index) => sum + weights[index]! * x ** 9, 0)).toBeCloseTo(2 ** 10 / 10, 10);
  });

  it('findRoot finds a root, and refuses a bracket without a sign change', () => {
    expect(findRoot((x) => x ** 9 - 2, 0, 10)).toBeCloseTo(2 ** (1 / 9), 12);
    expect(findRoot((x) => Math.log(x), 0, 3)).toBeCloseTo(1, 12);
    expect(() => findRoot((x) => x * x + 1, -1, 1)).toThrow(/no sign change/);
  });
});
