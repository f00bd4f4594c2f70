import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import { DataAugmenter, type AugmentationOperator } from '../../../learning/augmentation/data-augmenter.js';
import { example } from './events.js';

const adjectives = ['old', 'new', 'big', 'small', 'red', 'blue'];
const rephrase: AugmentationOperator = {
  name: 'rephrase',
  apply: (row, seed) => ({ input: `${stream(1, ...seed).pick(adjectives)} ${row.input}`, target: row.target }),
};
const breakLabel: AugmentationOperator = {
  name: 'break',
  apply: (row) => ({ input: row.input, target: `${row.target} broken` }),
};
const nothing: AugmentationOperator = { name: 'nothing', apply: () => null };
const verify = (row: { target: string }) => (row.target.includes('broken') ? 80 : 100);
const rows = Array.from({ length: 10 }, (_, index) =>
  example({ id: `e${index}`, input: `thing ${index}`, target: `t${index}` }),
);

describe('DataAugmenter', () => {
  it('R9: makes exactly twice as many, and every augmented label scores 100', async () => {
    const { examples, rejected } = await new DataAugmenter().augmentTrainingData(
      rows,
      [breakLabel, nothing, rephrase],
      verify,
      {
        seed: 1,
      },
    );
    expect(examples).toHaveLength(20);
    expect(examples.slice(0, 10)).toEqual(rows);
    const variants = examples.slice(10);
    expect(variants.map((row) => row.parentId).sort()).toEqual(rows.map((row) => row.id));
    expect(
      variants.every((row) => row.source === 'augmented' && row.operator === 'rephrase' && verify(row) === 100),
    ).toBe(true);
    expect(new Set(examples.map((row) => row.id)).size).toBe(20);
    expect(new Set(examples.map((row) => `${row.input} → ${row.target}`)).size).toBe(20);
    expect(rejected.length).toBeGreaterThan(0);
    expect(rejected[0]).toMatchObject({ source: 'augmentation', field: 'target', line: 0 });
    expect(rejected[0]!.reason).toMatch(/^the label of a break variant of e\d scores 80, not 100$/);
  });

  it.each([
    [1, 10],
    [1.25, 13],
    [3, 30],
  ])('R9: factor %s of ten rows gives %s', async (factor, size) => {
    const result = await new DataAugmenter(factor).augmentTrainingData(rows, [rephrase], verify, { seed: 1 });
    expect(result.examples).toHaveLength(size);
  });

  it('R9: gives what there is when the operators run dry', async () => {
    const once: AugmentationOperator = {
      name: 'once',
      apply: (row) => ({ input: `a ${row.input}`, target: row.target }),
    };
    const result = await new DataAugmenter(5).augmentTrainingData(rows, [once], verify, { seed: 1 });
    expect(result.examples).toHaveLength(20);
    const spoiled = await new DataAugmenter().augmentTrainingData(rows, [breakLabel], verify, { seed: 1 });
    expect([spoiled.examples.length, spoiled.rejected.length]).toEqual([10, 10]);
  });

  it('R9: a variant equal to a row that is there does not count', async () => {
    const same: AugmentationOperator = { name: 'same', apply: ({ input, target }) => ({ input, target }) };
    const neighbour: AugmentationOperator = { name: 'neighbour', apply: () => ({ input: 'thing 3', target: 't3' }) };
    const result = await new DataAugmenter().augmentTrainingData(rows, [same, neighbour], verify, { seed: 1 });
    expect(result.examples).toEqual(rows);
    expect(result.rejected).toEqual([]);
  });

  it('R9: draws again where a request is held out, and leaves a parent alone that has no other', async () => {
    const isHeldOut = (_type: string, input: string) => input.startsWith('old') || input.endsWith('thing 3');
    const { examples } = await new DataAugmenter().augmentTrainingData(rows, [rephrase], verify, {
      seed: 1,
      isHeldOut,
    });
    const parents = examples.slice(10).map((row) => row.parentId);
    expect(examples.filter((row) => row.input.startsWith('old'))).toEqual([]);
    expect(new Set(parents)).toEqual(new Set(rows.map((row) => row.id).filter((id) => id !== 'e3')));
  });

  it('R9: leaves the validation split alone', async () => {
    const mixed = rows.map((row, index) => (index < 4 ? { ...row, split: 'validation' as const } : row));
    const { examples } = await new DataAugmenter().augmentTrainingData(mixed, [rephrase], verify, { seed: 1 });
    expect(examples.filter((row) => row.split === 'validation')).toEqual(mixed.slice(0, 4));
    expect(examples.filter((row) => row.split === 'train')).toHaveLength(12);
  });

  it('R9: the variants depend on the seed, not on the order of the rows', async () => {
    const inputs = async (seed: number, source: typeof rows) => {
      const { examples } = await new DataAugmenter().augmentTrainingData(source, [rephrase], verify, { seed });
      return examples.slice(10).map((row) => row.input);
    };
    expect(await inputs(1, rows)).toEqual(await inputs(1, [...rows].reverse()));
    expect(await inputs(1, rows)).not.toEqual(await inputs(2, rows));
  });

  it('R9: waits for a validator that answers later', async () => {
    const later = async (row: { target: string }) => verify(row);
    const { examples } = await new DataAugmenter().augmentTrainingData(rows, [breakLabel, rephrase], later, {
      seed: 1,
    });
    expect(examples).toHaveLength(20);
  });
});
