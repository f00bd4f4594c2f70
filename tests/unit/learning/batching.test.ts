import { describe, expect, it } from 'vitest';
import { AdaptiveBatchManager, type BatchSizeInput } from '../../../learning/batching/adaptive-batch-manager.js';
import { assembleRound } from '../../../learning/batching/assemble-round.js';
import { example } from './events.js';

const manager = new AdaptiveBatchManager();
const middle: BatchSizeInput = { artifactType: 'erd', availableExamples: 60, avgQuality: 0.75, share: 1 / 3, trend: 0 };
const size = (change: Partial<BatchSizeInput>) => manager.calculateOptimalBatchSize({ ...middle, ...change }).size;
const increasing = (values: number[]) => values.every((value, index) => index === 0 || value > values[index - 1]!);

describe('AdaptiveBatchManager', () => {
  it('R3: multiplies its factors: 50 · √(60/50) · 0.95 · 1 · 1', () => {
    expect(manager.calculateOptimalBatchSize(middle)).toEqual({
      artifactType: 'erd',
      size: 52,
      wait: false,
      available: 60,
      averageQuality: 0.75,
      factors: { availability: Math.sqrt(1.2), quality: expect.closeTo(0.95, 12), rarity: 1, trend: 1 },
    });
  });

  it('R3: more available examples, a larger batch', () => {
    expect(increasing([30, 40, 60, 90, 150].map((availableExamples) => size({ availableExamples })))).toBe(true);
  });

  it('R3: higher quality, a smaller batch', () => {
    expect(increasing([0.95, 0.85, 0.75, 0.65].map((avgQuality) => size({ avgQuality })))).toBe(true);
  });

  it('R3: a rarer type, a smaller batch', () => {
    expect(increasing([0.1, 0.2, 0.3, 0.4].map((share) => size({ share })))).toBe(true);
  });

  it('R3: an improving type, a larger batch', () => {
    expect(increasing([-4, -2, 0, 2].map((trend) => size({ trend })))).toBe(true);
  });

  it('R3: fewer than 20 wait, 20 do not', () => {
    expect(manager.calculateOptimalBatchSize({ ...middle, availableExamples: 19 })).toMatchObject({
      wait: true,
      size: 0,
    });
    expect(manager.calculateOptimalBatchSize({ ...middle, availableExamples: 20 })).toMatchObject({
      wait: false,
      size: 20,
    });
  });

  it('R3: clamps last, to 100 and to what is there', () => {
    expect(size({ availableExamples: 5000, avgQuality: 0, trend: 50 })).toBe(100);
    expect(size({ availableExamples: 30, avgQuality: 0, trend: 50 })).toBe(30);
  });

  it('R3: refuses a quality on the scale of 0–100 by name', () => {
    expect(() => size({ avgQuality: 75 })).toThrow('batching: avgQuality of erd is 75, outside 0 … 1');
    expect(() => size({ trend: NaN })).toThrow('trend of erd is NaN');
  });
});

describe('assembleRound', () => {
  const rows = Array.from({ length: 95 }, (_, index) => example({ id: `e${100 + index}` }));
  const sizes = [manager.calculateOptimalBatchSize({ ...middle, availableExamples: 95 })];
  const options = { idPrefix: 'main/round-1', seed: 1 };

  it('R3: cuts a type into even batches of at most its size', () => {
    const { batches, waiting } = assembleRound(rows, sizes, options);
    expect(sizes[0]!.size).toBe(65);
    expect(batches.map((batch) => [batch.id, batch.size, batch.exampleIds.length])).toEqual([
      ['main/round-1/erd-1', 48, 48],
      ['main/round-1/erd-2', 47, 47],
    ]);
    expect(waiting).toEqual([]);
    expect(batches.flatMap((batch) => batch.exampleIds).sort()).toEqual(rows.map((row) => row.id));
  });

  it('R10: mixes hard negatives into every batch, a quarter at most, the hardest first', () => {
    const negatives = Array.from({ length: 40 }, (_, index) => example({ id: `n${100 + index}`, hardNegative: true }));
    const { batches, waiting } = assembleRound(rows, sizes, { ...options, hardNegatives: [rows[0]!, ...negatives] });
    const mixed = batches.flatMap((batch) => batch.exampleIds.filter((id) => id.startsWith('n')));
    expect(mixed.sort()).toEqual(negatives.slice(0, 31).map((row) => row.id));
    expect(waiting).toEqual(negatives.slice(31));
    for (const batch of batches) expect(batch.exampleIds.some((id) => id.startsWith('n'))).toBe(true);
    expect(batches.flatMap((batch) => batch.exampleIds).filter((id) => id === rows[0]!.id)).toHaveLength(1);
  });

  it('R3: a type that waits keeps its rows', () => {
    const few = rows.slice(0, 10);
    const waitingSize = manager.calculateOptimalBatchSize({ ...middle, availableExamples: 10 });
    expect(assembleRound(few, [waitingSize], options)).toEqual({ batches: [], waiting: few });
  });

  it('R3: more rows may wait than a function takes arguments', () => {
    const many = Array.from({ length: 200_000 }, (_, index) => ({ ...rows[0]!, id: `m${index}` }));
    expect(assembleRound(many, [], options).waiting).toHaveLength(many.length);
    expect(assembleRound(rows, sizes, { ...options, hardNegatives: many }).waiting).toHaveLength(many.length - 31);
  });

  it('R3: deals by the seed, whatever the order of the rows', () => {
    const ids = (source: typeof rows, seed: number) =>
      assembleRound(source, sizes, { ...options, seed }).batches[0]!.exampleIds;
    expect(ids([...rows].reverse(), 1)).toEqual(ids(rows, 1));
    expect(ids(rows, 2)).not.toEqual(ids(rows, 1));
  });
});
