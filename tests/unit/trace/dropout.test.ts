import { describe, expect, it } from 'vitest';
import { dropout, dropoutMask, runEagerly, type tf, trace } from '../../../engine/trace/index.js';
import { floats, integers, runCompiled } from './compare.js';

const SHAPE = [64, 48];
const maskOf = async (seed: [number, number], purpose: number, rate = 0.3): Promise<number[]> => {
  const feeds = { seed: integers([2], seed) };
  const { mask } = await runCompiled(feeds, (t) => ({ mask: dropoutMask(SHAPE, rate, t['seed']!, purpose) }));
  return Array.from(mask!.data, Number);
};
const agreement = (a: number[], b: number[]) => a.filter((bit, i) => bit === b[i]).length / a.length;

describe('dropout masks', () => {
  it('are the same bits when compiled and on the cpu backend', async () => {
    const feeds = { seed: integers([2], [-123456789, 2000000011]) };
    const fn = (t: Record<string, tf.Tensor>) => ({ mask: dropoutMask([3, 5, 7], 0.4, t['seed']!, 11) });
    expect((await runCompiled(feeds, fn))['mask']).toEqual((await runEagerly('cpu', feeds, fn))['mask']);
  });

  it.each([0.05, 0.1, 0.5])('keep a share of 1 − %d', async (rate) => {
    const kept = (await maskOf([1, 2], 3, rate)).reduce((total, bit) => total + bit, 0);
    const n = SHAPE[0]! * SHAPE[1]!;
    expect(Math.abs(kept / n - (1 - rate))).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / n));
  });

  it('differ between seeds, steps and purposes as independent draws do', async () => {
    const masks = [await maskOf([1, 2], 3), await maskOf([2, 2], 3), await maskOf([1, 3], 3), await maskOf([1, 2], 4)];
    const chance = 0.7 * 0.7 + 0.3 * 0.3;
    for (let i = 0; i < masks.length; i++)
      for (let j = 0; j < i; j++) expect(Math.abs(agreement(masks[i]!, masks[j]!) - chance)).toBeLessThan(0.05);
  });

  it('show no pattern along rows, columns or rectangles', async () => {
    const [rows, columns] = SHAPE as [number, number];
    const mask = await maskOf([5, 6], 7, 0.5);
    const sign = (row: number, column: number) => (mask[(row % rows) * columns + (column % columns)] ? 1 : -1);
    for (const [down, right] of [
      [1, 0],
      [0, 1],
      [1, 1],
      [2, 3],
      [16, 8],
    ] as const)
      // prettier-ignore
      for (const rectangle of [false, true]) {
        let total = 0;
        for (let row = 0; row < rows; row++)
          for (let column = 0; column < columns; column++) {
            const far = sign(row + down, column + right);
            total += sign(row, column) * (rectangle ? far * sign(row + down, column) * sign(row, column + right) : far);
          }
        if (rectangle && (down === 0 || right === 0)) continue;
        expect(Math.abs(total)).toBeLessThan(4.5 * Math.sqrt(rows * columns));
      }
  });
});

describe('dropout', () => {
  it('keeps the mean and zeroes exactly the masked elements', async () => {
    const feeds = { x: floats(SHAPE), seed: integers([2], [1, 2]) };
    const { y } = await runCompiled(feeds, (t) => ({ y: dropout(t['x']!, 0.3, t['seed']!, 3) }));
    const mask = await maskOf([1, 2], 3);
    y!.data.forEach((value, i) => expect(Number(value)).toBeCloseTo((mask[i]! * Number(feeds.x.data[i])) / 0.7, 5));
  });

  it('is the identity at rate 0 and refuses a rate of 1', () => {
    const inputs = { x: { shape: [2], dtype: 'float32' }, seed: { shape: [2], dtype: 'int32' } } as const;
    const record = (rate: number) =>
      trace({ x: { ...inputs.x, shape: [2] }, seed: { ...inputs.seed, shape: [2] } }, (t) => ({
        y: dropout(t['x']!, rate, t['seed']!, 1),
      }));
    expect(record(0).nodes.map((node) => node.op)).toEqual(['Identity']);
    expect(() => record(1)).toThrow(/rate of 1 is outside/);
  });
});
