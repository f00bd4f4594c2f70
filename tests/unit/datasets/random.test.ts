import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';

const draws = (count: number, next: () => number) => Array.from({ length: count }, next);

describe('stream', () => {
  it('repeats its draws for one seed and purpose, on every machine', () => {
    const first = stream(7, 'selection', 3);
    expect(draws(4, () => first.integer(1000))).toMatchInlineSnapshot(`
      [
        424,
        262,
        532,
        729,
      ]
    `);
    const again = stream(7, 'selection', 3);
    const other = stream(7, 'selection', 3);
    expect(draws(50, again.float)).toEqual(draws(50, other.float));
  });

  it('separates purposes that join to the same text', () => {
    const texts = [
      stream(1, 'a', 'b'),
      stream(1, 'ab'),
      stream(1, 'a', 1),
      stream(1, 'a', '1'),
      stream(11, 'a'),
      stream(1),
    ];
    expect(new Set(texts.map((source) => source.float())).size).toBe(texts.length);
  });

  it('is uniform over integers, also for the first draw of many streams', () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (let seed = 0; seed < 5000; seed++) counts[stream(seed, 'first').integer(10)]! += 1;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
    expect(chiSquare).toBeLessThan(27.9); // 99.9 % quantile with 9 degrees of freedom
  });

  it('draws normals with mean 0 and variance 1', () => {
    const source = stream(3, 'normal');
    const values = draws(20_000, source.normal);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it('shuffles into a new array with the same items', () => {
    const items = Array.from({ length: 30 }, (_, index) => index);
    const shuffled = stream(1, 'shuffle').shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(items);
  });

  it('weighs items, never picking one of weight 0', () => {
    const source = stream(5, 'weighted');
    const picks = draws(8000, () => source.weighted([0, 1, 2, 3], [0, 1, 3, 0]));
    expect(new Set(picks)).toEqual(new Set([1, 2]));
    expect(picks.filter((item) => item === 2).length / picks.length).toBeCloseTo(0.75, 1);
  });

  it('refuses an empty choice', () => {
    expect(() => stream(1).pick([])).toThrow(RangeError);
    expect(() => stream(1).weighted(['a'], [0])).toThrow(RangeError);
    expect(() => stream(1).integer(1.5)).toThrow(RangeError);
  });
});
