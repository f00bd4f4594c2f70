import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import {
  observeDifferences,
  sequentialVerdict,
  startSequentialTest,
} from '../../../../learning/statistics/sequential-test.js';

describe('sequential test', () => {
  /** Share of streams of 150 pairs, looked at after each one, that end with the verdict. */
  function shareOf(verdict: 'positive' | 'negative', effect: number, streams: number): number {
    let count = 0;
    for (let seed = 0; seed < streams; seed++) {
      const random = stream(seed, 'sequential-test');
      const differences = Array.from({ length: 150 }, () => Math.max(-1, Math.min(1, effect + 0.4 * random.normal())));
      const state = observeDifferences(startSequentialTest(), differences, { range: 1 });
      if (sequentialVerdict(state, 0.05).verdict === verdict) count++;
    }
    return count / streams;
  }

  it('E4: with no difference, 150 looks raise false alarms in at most 6 %', () => {
    expect(shareOf('positive', 0, 600)).toBeLessThanOrEqual(0.06);
    expect(shareOf('negative', 0, 600)).toBeLessThanOrEqual(0.06);
  });

  it('finds a gain, and a loss, of half a standard deviation', () => {
    expect(shareOf('positive', 0.2, 60)).toBeGreaterThan(0.9);
    expect(shareOf('negative', -0.2, 60)).toBeGreaterThan(0.9);
  });

  it('gives the same when the pairs come in parts, and leaves the state given as it is', () => {
    const pairs = [0.3, -0.1, 0.5, 0, 0.9, -1];
    const options = { range: 1, margin: 0.05 };
    const start = startSequentialTest();
    const whole = observeDifferences(start, pairs, options);
    const parts = observeDifferences(observeDifferences(start, pairs.slice(0, 2), options), pairs.slice(2), options);
    expect(parts).toEqual(whole);
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
    expect(start).toEqual(startSequentialTest());
  });

  it('a margin asks for more than a mean above zero', () => {
    const gains = Array.from({ length: 100 }, (_, index) => 0.1 + (index % 2 === 0 ? 0.05 : -0.05));
    const verdict = (margin: number) =>
      sequentialVerdict(observeDifferences(startSequentialTest(), gains, { range: 1, margin }), 0.05).verdict;
    expect([verdict(0), verdict(0.1), verdict(0.2)]).toEqual(['positive', 'open', 'negative']);
  });
});
