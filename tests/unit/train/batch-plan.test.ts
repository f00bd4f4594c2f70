import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  padRight,
  planEpoch,
  planValidation,
  stepsPerEpoch,
  type BatchPlan,
} from '../../../engine/train/batch-plan.js';
import type { MicroBatch } from '../../../engine/train/loss.js';
import type { TokenRow } from '../../../engine/train/training-rows.js';

const plan: BatchPlan = { seed: 1, batchSize: 4, accumulation: 2, shuffleFirstEpoch: true, maxPositions: 200 };

/** Rows of distinct first tokens. */
const rowsOf = (lengths: number[]): TokenRow[] =>
  lengths.map((length, i) => ({ id: `${i}`, promptLength: 1, tokens: [1000 + i, ...Array<number>(length).fill(7)] }));

const firstTokens = (batches: MicroBatch[]): number[] =>
  batches.flatMap(({ batch, time, inputIds, attentionMask }) =>
    Array.from({ length: batch }, (_, row) => row * time)
      .filter((start) => attentionMask[start] === 1)
      .map((start) => inputIds[start]!),
  );

const lengths = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 60 });

it('trains each row once an epoch, shuffled or not', () => {
  fc.assert(
    fc.property(lengths, fc.boolean(), fc.integer({ min: 0, max: 2 }), (sizes, shuffleFirstEpoch, epoch) => {
      const rows = rowsOf(sizes);
      const steps = planEpoch(rows, { ...plan, shuffleFirstEpoch }, epoch);
      expect(steps).toHaveLength(stepsPerEpoch(rows.length, plan));
      expect(firstTokens(steps.flat()).sort((a, b) => a - b)).toEqual(rows.map((row) => row.tokens[0]));
      expect(steps.every((step) => step.length <= 2)).toBe(true);
    }),
  );
});

it('is a function of seed and epoch', () => {
  const rows = rowsOf(Array.from({ length: 40 }, (_, i) => 1 + (i % 9)));
  const order = (epoch: number, seed = 1) => firstTokens(planEpoch(rows, { ...plan, seed }, epoch).flat());
  expect(order(1)).toEqual(order(1));
  expect(order(1)).not.toEqual(order(2));
  expect(order(1)).not.toEqual(order(1, 2));
});

it('draws rows by their weights: as many an epoch as there are, each its share but for less than one', () => {
  const weights = fc.array(fc.double({ min: 1e-3, max: 100, noNaN: true }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(weights, fc.nat(5), fc.boolean(), (drawn, epoch, shuffleFirstEpoch) => {
      const rows = rowsOf(drawn.map(() => 3)).map((row, place) => ({ ...row, weight: drawn[place]! }));
      const tokens = firstTokens(planEpoch(rows, { ...plan, shuffleFirstEpoch }, epoch).flat());
      expect(tokens).toHaveLength(rows.length);
      const total = drawn.reduce((sum, weight) => sum + weight, 0);
      for (const [place, weight] of drawn.entries()) {
        const times = tokens.filter((token) => token === 1000 + place).length;
        expect(Math.abs(times - (weight / total) * rows.length)).toBeLessThan(1 + 1e-9);
      }
      const ordered = tokens.every((token, place) => place === 0 || tokens[place - 1]! <= token);
      expect(ordered || shuffleFirstEpoch || epoch > 0).toBe(true);
    }),
  );
});

it('over many epochs a row is drawn in proportion to its weight, and equal weights change nothing', () => {
  const rows = rowsOf([3, 3, 3, 3]).map((row, place) => ({ ...row, weight: [0.1, 1, 1, 1.9][place]! }));
  const drawn = Array.from({ length: 2000 }, (_, epoch) => firstTokens(planEpoch(rows, plan, epoch).flat())).flat();
  const share = (place: number) => drawn.filter((token) => token === 1000 + place).length / 2000;
  expect(share(0)).toBeGreaterThan(0.07);
  expect(share(0)).toBeLessThan(0.13);
  expect(share(3)).toBeGreaterThan(1.85);
  expect(share(3)).toBeLessThan(1.95);
  const alike = rowsOf([3, 9, 4, 8]);
  expect(
    planEpoch(
      alike.map((row) => ({ ...row, weight: 0.3 })),
      plan,
      1,
    ),
  ).toEqual(planEpoch(alike, plan, 1));
});

it('keeps the order of the file in the first epoch when asked', () => {
  const rows = rowsOf([9, 1, 40, 3, 3, 120, 2, 8, 5]);
  const inOrder = { ...plan, shuffleFirstEpoch: false };
  expect(firstTokens(planEpoch(rows, inOrder, 0).flat())).toEqual(rows.map((row) => row.tokens[0]));
  expect(firstTokens(planEpoch(rows, inOrder, 1).flat())).not.toEqual(rows.map((row) => row.tokens[0]));
});

it('pads to few lengths and never past the positions of the model', () => {
  fc.assert(
    fc.property(lengths, (sizes) => {
      for (const { batch, time, inputIds, labels } of planValidation(rowsOf(sizes), { ...plan, maxPositions: 151 })) {
        expect(batch).toBe(4);
        expect(inputIds.length).toBe(batch * time);
        expect(labels.length).toBe(batch * time);
        expect(time === 151 || time % 16 === 0).toBe(true);
        expect(time).toBeLessThanOrEqual(151);
      }
    }),
  );
});

it('refuses a row that is longer than the positions, first or last in its batch', () => {
  for (const sizes of [
    [40, 3],
    [3, 40],
  ])
    expect(() => padRight(rowsOf(sizes), 2, 32)).toThrow('has 41 tokens, the model 32 positions');
});

it('masks prompts and padding from the loss', () => {
  const [batch] = planValidation([{ id: 'a', promptLength: 2, tokens: [3, 4, 5, 6] }], { ...plan, batchSize: 1 });
  expect(Array.from(batch!.labels).slice(0, 6)).toEqual([-100, -100, 5, 6, -100, -100]);
  expect(Array.from(batch!.attentionMask).slice(0, 6)).toEqual([1, 1, 1, 1, 0, 0]);
});
