import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import { estimateTrust, type Opinion } from '../../../../learning/reward/source-trust.js';

/** 200 answers; honest users see the truth with noise and judge a third of them each; attackers say the opposite. */
function crowd(honest: number, attackers: number, seed = 1) {
  const random = stream(seed, 'crowd');
  const truth = Array.from({ length: 200 }, () => 2 * random.float() - 1);
  const opinions: Opinion[] = [];
  for (let source = 0; source < honest + attackers; source++) {
    const bad = source >= honest;
    truth.forEach((value, item) => {
      if (random.float() > 1 / 3) return;
      const seen = Math.min(1, Math.max(-1, value + 0.3 * random.normal()));
      opinions.push({
        source: `${bad ? 'attacker' : 'user'}-${source}`,
        item: `${item}`,
        value: bad ? -Math.sign(value) : seen,
      });
    });
  }
  return { truth, opinions };
}

function error(truth: readonly number[], of: (item: string) => number): number {
  return truth.reduce((sum, value, item) => sum + Math.abs(of(`${item}`) - value), 0) / truth.length;
}

describe('estimateTrust', () => {
  it('believes honest users and not attackers, up to four in ten', () => {
    const { truth, opinions } = crowd(18, 12);
    const { sources, consensus } = estimateTrust(opinions);
    const trusts = (kind: string) => [...sources].filter(([name]) => name.startsWith(kind)).map(([, entry]) => entry);
    expect(Math.min(...trusts('user').map(({ trust }) => trust))).toBeGreaterThan(0.5);
    expect(Math.max(...trusts('attacker').map(({ trust }) => trust))).toBeLessThan(0.1);
    expect(trusts('attacker').every(({ suspect }) => suspect)).toBe(true);
    expect(trusts('user').some(({ suspect }) => suspect)).toBe(false);

    const plain = (item: string) => {
      const values = opinions.filter((opinion) => opinion.item === item).map(({ value }) => value);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    const robust = error(truth, (item) => consensus.get(item)!);
    expect(robust).toBeLessThan(0.15);
    expect(robust).toBeLessThan(error(truth, plain) / 4);
  });

  it('flags the opinion that stands against all others, and no other', () => {
    const opinions: Opinion[] = ['a', 'b', 'c', 'd'].flatMap((source) => [
      { source, item: 'x', value: source === 'd' ? -1 : 0.8 },
      { source, item: 'y', value: 0.5 },
    ]);
    expect(estimateTrust(opinions).outliers).toEqual([{ source: 'd', item: 'x', value: -1 }]);
  });

  it('two who disagree are contested, neither an outlier', () => {
    const report = estimateTrust([
      { source: 'a', item: 'x', value: 1 },
      { source: 'b', item: 'x', value: -1 },
      { source: 'a', item: 'y', value: 1 },
    ]);
    expect([report.contested, report.outliers]).toEqual([['x'], []]);
    expect(report.sources.get('a')!.trust).toBe(report.sources.get('b')!.trust);
    expect(report.consensus.get('x')).toBe(0);
  });

  it('believes a source half that nobody can be compared with', () => {
    const { sources, consensus } = estimateTrust([{ source: 'a', item: 'x', value: -0.4 }]);
    expect(sources.get('a')).toEqual({ trust: 0.5, compared: 0, suspect: false });
    expect(consensus.get('x')).toBe(-0.4);
  });

  it('many opinions of one source on one item are one opinion', () => {
    const honest = ['a', 'b', 'c'].map((source) => ({ source, item: 'x', value: 1 }));
    const flood = Array.from({ length: 100 }, () => ({ source: 'spam', item: 'x', value: -1 }));
    expect(estimateTrust([...honest, ...flood])).toEqual(estimateTrust([...honest, flood[0]!]));
  });

  it('stays in its bounds and does not depend on the order', () => {
    const opinion = fc.record({
      source: fc.constantFrom('a', 'b', 'c', 'd'),
      item: fc.constantFrom('x', 'y', 'z'),
      value: fc.double({ min: -1, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(opinion, { maxLength: 30 }), (opinions) => {
        const report = estimateTrust(opinions);
        expect(estimateTrust([...opinions].reverse())).toEqual(report);
        for (const { trust } of report.sources.values()) expect(trust >= 0 && trust <= 1).toBe(true);
        for (const value of report.consensus.values()) expect(Math.abs(value)).toBeLessThanOrEqual(1 + 1e-12);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});
