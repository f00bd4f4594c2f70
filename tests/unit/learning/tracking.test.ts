import { describe, expect, it } from 'vitest';
import { LoopConfig } from '../../../config/loop.js';
import { bestCheckpoint, hasPlateaued, PerformanceTracker } from '../../../learning/tracking/performance-tracker.js';
import { chooseGroups } from '../../../learning/tracking/choose-groups.js';
import { connectedGroups } from '../../../learning/tracking/groups.js';
import { normalizedText, splitTrainValidation, type Splittable } from '../../../learning/tracking/split.js';
import { holdsOut, stoppingPatience } from '../../../learning/tracking/validation-use.js';
import { summarizeEvaluation } from '../../../learning/tracking/summarize-evaluation.js';

const types = ['erd', 'code_prototype', 'architecture'] as const;
const rows: Splittable[] = Array.from({ length: 100 }, (_, index) => ({
  id: `e${100 + index}`,
  artifactType: types[index % 10 < 5 ? 0 : index % 10 < 8 ? 1 : 2],
  input: `request number ${index}`,
}));
const validationOf = (source: readonly Splittable[], sides: ReadonlyMap<string, string>) =>
  source.filter((row) => sides.get(row.id) === 'validation').map((row) => row.id);

describe('what validates a training', () => {
  const config = (settings: object) => LoopConfig.parse(settings);
  it('is held out where something looks at it, or where the settings say so', () => {
    expect(holdsOut(config({}))).toBe(false);
    expect(holdsOut(config({ tracking: { earlyStopping: true } }))).toBe(true);
    expect(holdsOut(config({ components: { tuning: true } }))).toBe(true);
    for (const holdOut of ['newest', 'fixed'])
      expect(
        [true, false].map((tracking) => holdsOut(config({ components: { tracking }, tracking: { holdOut } }))),
      ).toEqual([true, false]);
  });

  it('stops it early only where that is asked for', () => {
    expect(stoppingPatience(config({ tracking: { patience: 2 } }))).toBeUndefined();
    expect(stoppingPatience(config({ tracking: { patience: 2, earlyStopping: true } }))).toBe(2);
    expect(
      stoppingPatience(config({ components: { tracking: false }, tracking: { earlyStopping: true } })),
    ).toBeUndefined();
  });
});

describe('splitTrainValidation', () => {
  it('R4: takes a fifth of every artifact type', () => {
    const sides = splitTrainValidation(rows, { seed: 1 });
    const counts = types.map(
      (type) =>
        validationOf(
          rows.filter((row) => row.artifactType === type),
          sides,
        ).length,
    );
    expect(counts).toEqual([10, 6, 4]);
  });

  it('R4: near-duplicates and augmented rows stay with their originals', () => {
    const twins = rows.map((row) => ({ ...row, id: `t-${row.id}`, input: `  ${row.input.toUpperCase()}. ` }));
    const variants = rows.map((row) => ({
      ...row,
      id: `v-${row.id}`,
      input: `another ${row.input}`,
      parentId: row.id,
    }));
    const sides = splitTrainValidation([...variants, ...twins, ...rows], { seed: 1 });
    expect([...sides.values()].filter((side) => side === 'validation')).toHaveLength(60);
    for (const { id } of rows) {
      expect(sides.get(`t-${id}`)).toBe(sides.get(id));
      expect(sides.get(`v-${id}`)).toBe(sides.get(id));
    }
  });

  it('R4: takes the keys of near-duplicates it is given', () => {
    const sides = splitTrainValidation(rows.slice(0, 5), { seed: 1, keysOf: () => ['same'] });
    expect(new Set(sides.values()).size).toBe(1);
  });

  it('R4: rows that are alike through others stay together', () => {
    const keys: Record<string, string[]> = { a: ['1'], b: ['2'], c: ['1', '2'], d: ['3'], e: ['3', '2'], f: ['4'] };
    const chain = Object.keys(keys).map((id) => ({ id, artifactType: 'erd' as const, input: id }));
    const groups = connectedGroups(chain, (row) => keys[row.id]!).map((group) => group.map((row) => row.id).join(''));
    expect(groups.sort()).toEqual(['abcde', 'f']);
  });

  it('R4: a row keeps the side of an earlier round', () => {
    const first = splitTrainValidation(rows.slice(0, 60), { seed: 1 });
    const second = splitTrainValidation(rows, { seed: 2, earlier: first });
    for (const [id, side] of first) expect(second.get(id)).toBe(side);
    expect(validationOf(rows, second)).toHaveLength(20);
    const twin = { ...rows[0]!, id: 'late twin' };
    expect(splitTrainValidation([...rows, twin], { seed: 3, earlier: first }).get('late twin')).toBe(
      first.get(rows[0]!.id),
    );
  });

  it('R4: a group of several types stays on the side of an earlier round, and trains without one', () => {
    const mixed: Splittable[] = [
      { id: 'a', artifactType: 'erd', input: 'one shop' },
      { id: 'b', artifactType: 'architecture', input: 'One shop.' },
    ];
    const sides = (earlier?: Map<string, 'train' | 'validation'>) =>
      Object.fromEntries(splitTrainValidation(mixed, { seed: 1, ratio: 0.5, ...(earlier && { earlier }) }));
    expect(sides()).toEqual({ a: 'train', b: 'train' });
    expect(sides(new Map([['a', 'train']]))).toEqual({ a: 'train', b: 'train' });
    expect(sides(new Map([['a', 'validation']]))).toEqual({ a: 'validation', b: 'validation' });
    const more = [...rows, { ...mixed[1]!, id: 'c', input: rows[0]!.input }];
    const counted = splitTrainValidation(more, { seed: 1, earlier: new Map([['c', 'validation']]) });
    expect(counted.get(rows[0]!.id)).toBe('validation');
    expect(validationOf(more, counted)).toHaveLength(21 - 1);
  });

  it('R4: requests without letters and digits are alike only when they are equal', () => {
    const faces = Array.from({ length: 50 }, (_, index) => ({
      id: `${index}`,
      artifactType: 'erd' as const,
      input: `${' '.repeat(index % 2)}${String.fromCodePoint(0x1f600 + (index >> 1))}`,
    }));
    const sides = splitTrainValidation(faces, { seed: 1 });
    expect(validationOf(faces, sides)).toHaveLength(10);
    for (let index = 0; index < 50; index += 2) expect(sides.get(`${index}`)).toBe(sides.get(`${index + 1}`));
  });

  it('R4: the key of a near-duplicate is the same in all ways of writing a letter', () => {
    expect(normalizedText(' Cafe\u0301, ﬁnal №１!')).toBe('café final no1');
    expect(normalizedText('CAFÉ final no1')).toBe('café final no1');
    expect([normalizedText(' ?! '), normalizedText(' ')]).toEqual(['?!', '']);
  });

  it('R4: splits by the seed, whatever the order of the rows', () => {
    const ids = (seed: number, source: readonly Splittable[]) =>
      validationOf(rows, splitTrainValidation(source, { seed }));
    expect(ids(1, [...rows].reverse())).toEqual(ids(1, rows));
    expect(ids(2, rows)).not.toEqual(ids(1, rows));
  });
});

describe('chooseGroups', () => {
  const sizesOf = (sizes: number[], target: number) =>
    chooseGroups(
      sizes.map((size, place) => Array.from({ length: size }, () => place)),
      target,
    ).map(([place]) => place);

  it('R4: takes the first groups that add up to the target, the last of them first', () => {
    expect(sizesOf([3, 1, 2, 5, 1, 4, 2], 6)).toEqual([2, 1, 0]);
    expect(sizesOf([3, 3, 4, 3], 7)).toEqual([2, 0]);
    expect(sizesOf([1, 1, 1, 1], 0)).toEqual([]);
  });

  it('R4: comes as near as groups allow, from below when both ways are as far', () => {
    expect(sizesOf([3, 3, 3], 5)).toEqual([1, 0]);
    expect(sizesOf([40, 3, 50, 6], 20)).toEqual([3, 1]);
    expect(sizesOf([4, 8, 4], 6)).toEqual([0]);
    expect(sizesOf([1, 2], 9)).toEqual([1, 0]);
    expect(sizesOf([9, 9], 3)).toEqual([]);
  });

  it('R4: is quick with a million groups', () => {
    const [one, pair] = [[1], [1, 2]];
    expect(chooseGroups(Array<number[]>(1_000_000).fill(one), 200_000)).toHaveLength(200_000);
    expect(chooseGroups(Array<number[]>(1_000_000).fill(pair), 200_001)).toHaveLength(100_000);
    expect(chooseGroups([...Array<number[]>(999_999).fill(pair), one], 200_001)).toHaveLength(100_001);
  });
});

describe('summarizeEvaluation', () => {
  const head = { loop: 'main', round: 2, model: 'base', split: 'test' as const };
  it('R4: score, success at 70, edge slice, reward and latency, for all and by type', () => {
    const summary = summarizeEvaluation(
      [
        { artifactType: 'erd', score: 70, edge: true, reward: 0, latencyMs: 10 },
        { artifactType: 'erd', score: 69, edge: false, reward: -0.5, latencyMs: 30 },
        { artifactType: 'architecture', score: 100, edge: true, reward: 0.8, latencyMs: 20 },
        { artifactType: 'architecture', score: 40, edge: true, reward: -0.9, latencyMs: 90 },
      ],
      head,
    );
    expect(summary).toMatchInlineSnapshot(`
      [
        {
          "artifactType": "all",
          "edgeScore": 70,
          "edgeSuccessRate": 0.6666666666666666,
          "id": "main/round-2/base/test/all",
          "latencyMs": 25,
          "loop": "main",
          "meanReward": -0.15,
          "model": "base",
          "n": 4,
          "round": 2,
          "score": 69.75,
          "split": "test",
          "successRate": 0.5,
        },
        {
          "artifactType": "architecture",
          "edgeScore": 70,
          "edgeSuccessRate": 0.5,
          "id": "main/round-2/base/test/architecture",
          "latencyMs": 55,
          "loop": "main",
          "meanReward": -0.04999999999999999,
          "model": "base",
          "n": 2,
          "round": 2,
          "score": 70,
          "split": "test",
          "successRate": 0.5,
        },
        {
          "artifactType": "erd",
          "edgeScore": 70,
          "edgeSuccessRate": 1,
          "id": "main/round-2/base/test/erd",
          "latencyMs": 20,
          "loop": "main",
          "meanReward": -0.25,
          "model": "base",
          "n": 2,
          "round": 2,
          "score": 69.5,
          "split": "test",
          "successRate": 0.5,
        },
      ]
    `);
  });

  it('R4: nothing evaluated is a row of zeros, not NaN', () => {
    expect(summarizeEvaluation([], head)).toMatchObject([
      { artifactType: 'all', n: 0, score: 0, edgeScore: 0, latencyMs: 0 },
    ]);
  });
});

describe('PerformanceTracker', () => {
  const result = (score: number) => [{ artifactType: 'erd' as const, score, edge: false, reward: 0, latencyMs: 1 }];
  it('R4: getPerformanceTrend gives the scores of a type, oldest first', () => {
    const tracker = new PerformanceTracker();
    for (const [round, score] of [
      [2, 60],
      [1, 50],
      [3, 70],
    ] as const) {
      tracker.recordEvaluation(result(score), { loop: 'main', round, model: `m${round}`, split: 'validation' });
    }
    tracker.recordEvaluation(result(1), { loop: 'main', round: 3, model: 'm3', split: 'test' });
    expect(tracker.getPerformanceTrend('erd')).toEqual({ scores: [50, 60, 70], slope: 10, best: 70, plateaued: false });
    expect(tracker.getPerformanceTrend('architecture')).toEqual({ scores: [], slope: 0, best: null, plateaued: false });
    expect(tracker.bestEvaluation()).toMatchObject({ model: 'm3', score: 70 });
    expect(new PerformanceTracker().bestEvaluation()).toBeNull();
  });

  it('R4: splits with the configured ratio', () => {
    const sides = new PerformanceTracker({ validationRatio: 0.5 }).split(rows, { seed: 1 });
    expect(validationOf(rows, sides)).toHaveLength(50);
  });

  it('R4: the best checkpoint is the earliest of equals', () => {
    const entries = [
      { step: 1, score: 60 },
      { step: 2, score: 80 },
      { step: 3, score: 80 },
    ];
    expect(bestCheckpoint(entries)).toEqual({ step: 2, score: 80 });
    expect(bestCheckpoint([])).toBeNull();
  });

  it('R4: a plateau is patience evaluations without a gain', () => {
    expect(hasPlateaued([50, 60, 70, 70, 70.2, 70.4], 3)).toBe(true);
    expect(hasPlateaued([50, 60, 70, 70, 70.2, 71], 3)).toBe(false);
    expect(hasPlateaued([50, 40, 30], 3)).toBe(false);
  });
});
