import { describe, expect, it } from 'vitest';
import { bestCheckpoint, hasPlateaued, PerformanceTracker } from '../../../learning/tracking/performance-tracker.js';
import { connectedGroups } from '../../../learning/tracking/groups.js';
import { splitTrainValidation, type Splittable } from '../../../learning/tracking/split.js';
import { summarizeEvaluation } from '../../../learning/tracking/summarize-evaluation.js';

const types = ['erd', 'code_prototype', 'architecture'] as const;
const rows: Splittable[] = Array.from({ length: 100 }, (_, index) => ({
  id: `e${100 + index}`,
  artifactType: types[index % 10 < 5 ? 0 : index % 10 < 8 ? 1 : 2],
  input: `request number ${index}`,
}));
const validationOf = (source: readonly Splittable[], sides: ReadonlyMap<string, string>) =>
  source.filter((row) => sides.get(row.id) === 'validation').map((row) => row.id);

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

  it('R4: splits by the seed, whatever the order of the rows', () => {
    const ids = (seed: number, source: readonly Splittable[]) =>
      validationOf(rows, splitTrainValidation(source, { seed }));
    expect(ids(1, [...rows].reverse())).toEqual(ids(1, rows));
    expect(ids(2, rows)).not.toEqual(ids(1, rows));
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
