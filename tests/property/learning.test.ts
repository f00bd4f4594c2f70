import * as fc from 'fast-check';
import { distance } from 'fastest-levenshtein';
import { describe, expect, it } from 'vitest';
import { ARTIFACT_TYPES, type CurriculumState } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { DataAugmenter } from '../../learning/augmentation/data-augmenter.js';
import { AdaptiveBatchManager } from '../../learning/batching/adaptive-batch-manager.js';
import { assembleRound } from '../../learning/batching/assemble-round.js';
import {
  advanceCurriculum,
  CurriculumLearner,
  initialCurriculumState,
} from '../../learning/curriculum/curriculum-learner.js';
import { QualityGates } from '../../learning/feedback/quality-gates.js';
import { levenshteinDistance, levenshteinSimilarity } from '../../learning/metrics/levenshtein.js';
import { SimilarityCalculator } from '../../learning/metrics/similarity-calculator.js';
import { EnhancedRewardCalculator } from '../../learning/reward/enhanced-reward-calculator.js';
import { ActiveLearner, type SelectionCandidate } from '../../learning/selection/active-learner.js';
import { proportionalQuotas } from '../../learning/selection/quotas.js';
import { splitTrainValidation, type Splittable } from '../../learning/tracking/split.js';
import { planTraining } from '../../learning/training/plan-training.js';
import { example } from '../unit/learning/events.js';

const artifactType = fc.constantFrom(...ARTIFACT_TYPES);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const score = fc.double({ min: 0, max: 100, noNaN: true });
const seed = fc.nat(1000);
const text = fc
  .array(fc.constantFrom('customer', 'order', 'has', 'many', 'pilot', 'queue', 'api', 'weak'), { maxLength: 8 })
  .map((words) => words.join(' '));
/** Another order of the same rows, from a list of sort keys. */
const shuffled = <T>(rows: readonly T[], keys: readonly number[]) =>
  rows
    .map((row, index) => [keys[index % keys.length]! * (index + 1), row] as const)
    .sort(([a], [b]) => (a % 1) - (b % 1))
    .map(([, row]) => row);
const keys = fc.array(fc.double({ min: 0.001, max: 0.999, noNaN: true }), { minLength: 5, maxLength: 20 });

describe('reward', () => {
  const calculator = new EnhancedRewardCalculator();
  const circumstances = fc.record({
    ageDays: fc.double({ min: 0, max: 400, noNaN: true }),
    difficulty: share,
    countOfType: fc.integer({ min: 1, max: 5000 }),
  });

  it('R1: is monotone in the score and within −1 … 1', () => {
    fc.assert(
      fc.property(
        circumstances,
        score,
        score,
        fc.option(share, { nil: undefined }),
        (rest, first, second, similarity) => {
          const at = (value: number) =>
            calculator.calculateReward({
              ...rest,
              score: value,
              ...(similarity === undefined ? {} : { correctionSimilarity: similarity }),
            }).reward;
          const [low, high] = [at(Math.min(first, second)), at(Math.max(first, second))];
          expect(low).toBeLessThanOrEqual(high);
          expect(low).toBeGreaterThanOrEqual(-1);
          expect(high).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('R1: age and crowding bring a reward nearer to 0 and never change its sign', () => {
    fc.assert(
      fc.property(circumstances, score, (rest, value) => {
        const fresh = calculator.calculateReward({ ...rest, ageDays: 0, countOfType: 1, score: value }).reward;
        const old = calculator.calculateReward({ ...rest, score: value }).reward;
        expect(Math.abs(old)).toBeLessThanOrEqual(Math.abs(fresh));
        expect(old * fresh).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('similarity', () => {
  it('R2: is within 0 … 1, and Levenshtein is symmetric', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (first, second) => {
        const similarity = new SimilarityCalculator().calculateSimilarity(first, second);
        expect(similarity).toBeGreaterThanOrEqual(0);
        expect(similarity).toBeLessThanOrEqual(1);
        expect(levenshteinSimilarity(first, second)).toBe(levenshteinSimilarity(second, first));
      }),
    );
  });
});

/** The distance by the textbook's recurrence, over code points. */
function recurrence(first: string, second: string): number {
  const points = [...second];
  let row = Array.from({ length: points.length + 1 }, (_, place) => place);
  for (const [place, point] of [...first].entries()) {
    const next = [place + 1];
    for (const [at, other] of points.entries())
      next.push(Math.min(row[at + 1]! + 1, next[at]! + 1, row[at]! + (point === other ? 0 : 1)));
    row = next;
  }
  return row.at(-1)!;
}

describe('Levenshtein', () => {
  it('equals the recurrence whatever the texts begin and end with', () => {
    // Two faces share a half of their surrogate pairs; few letters make common beginnings overlap common ends.
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '😀', '😁', '🌀'), maxLength: 40 });
    fc.assert(
      fc.property(part, part, part, part, (start, first, second, end) => {
        const [left, right] = [start + first + end, start + second + end];
        expect(levenshteinDistance(left, right)).toBe(recurrence(left, right));
      }),
    );
  });

  it('is bounded where texts differ over more than can be compared', () => {
    const draw = stream(1, 'very long texts');
    const drawText = (length: number) => Array.from({ length }, () => 'abcdefgh'[draw.integer(8)]).join('');
    const [left, right] = [drawText(30_000), drawText(25_000)];
    const found = levenshteinDistance(left, right);
    expect(found).toBeGreaterThanOrEqual(distance(left, right));
    expect(found).toBeLessThan(1.1 * distance(left, right));
    expect(levenshteinDistance(right, left)).toBe(found);
    expect(levenshteinSimilarity(drawText(1_000_000), drawText(1_000_000))).toBeGreaterThan(0);
  });
});

describe('curriculum', () => {
  const config = { easy: 0.35, medium: 0.65, progression: 75, evaluations: 3 };
  const order = ['easy', 'medium', 'hard', 'mixed'];

  it('R5: never skips a stage, never goes back, and needs three evaluations above 75 for each', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(score, fc.constantFrom(75, 75.1, 90)), { maxLength: 40 }), (averages) => {
        let state: CurriculumState = initialCurriculumState();
        let entered = 0;
        averages.forEach((average, round) => {
          const next = advanceCurriculum(state, { round, average }, config);
          const move = order.indexOf(next.stage) - order.indexOf(state.stage);
          expect([0, 1]).toContain(move);
          const lastThree = averages.slice(Math.max(entered, round - 2), round + 1);
          const earned = lastThree.length === 3 && lastThree.every((value) => value > 75);
          expect(move === 0 || earned).toBe(true);
          if (move === 1) entered = round + 1;
          state = next;
        });
      }),
    );
  });

  it('R5: the bands hold every row once', () => {
    fc.assert(
      fc.property(fc.array(share), (difficulties) => {
        const items = difficulties.map((difficulty, index) => ({ id: `${index}`, difficulty }));
        const { easy, medium, hard } = new CurriculumLearner(config).organizeByCurriculum(items);
        expect([...easy, ...medium, ...hard].map((item) => item.id).sort()).toEqual(
          items.map((item) => item.id).sort(),
        );
      }),
    );
  });
});

describe('selection', () => {
  const candidates = fc
    .array(fc.record({ artifactType, text, uncertainty: share, quality: share }), { maxLength: 40 })
    .map((rows) => rows.map((row, index): SelectionCandidate => ({ ...row, eventId: `e${index}` })));

  it('R6: does not depend on the order of the candidates and keeps the budget', () => {
    fc.assert(
      fc.property(candidates, fc.integer({ min: 0, max: 30 }), keys, (rows, budget, order) => {
        const learner = new ActiveLearner();
        const selection = learner.selectInformativeExamples(rows, { budget });
        expect(learner.selectInformativeExamples(shuffled(rows, order), { budget })).toEqual(selection);
        expect(selection.selected).toHaveLength(Math.min(budget, rows.length));
        expect(selection.metadata).toHaveLength(rows.length);
      }),
    );
  });

  it('R6: quotas add up to the budget, respect sizes and the floor', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { minLength: 1, maxLength: 5 }), fc.nat(120), (sizes, budget) => {
        const groups = Object.fromEntries(sizes.map((size, index) => [`g${index}`, size]));
        const quotas = proportionalQuotas(groups, budget);
        const total = Math.min(
          budget,
          sizes.reduce((sum, size) => sum + size, 0),
        );
        expect(Object.values(quotas).reduce((sum, quota) => sum + quota, 0)).toBe(total);
        const present = sizes.filter((size) => size > 0).length;
        for (const [name, quota] of Object.entries(quotas)) {
          expect(quota).toBeLessThanOrEqual(groups[name]!);
          const floor = Math.min(groups[name]!, Math.floor((0.5 * total) / Math.max(1, present)));
          expect(quota).toBeGreaterThanOrEqual(floor);
        }
      }),
    );
  });
});

describe('quality gates', () => {
  it('R15: every candidate is accepted or rejected, once', () => {
    const candidate = fc.record({ artifactType, input: text, target: text, labelScore: score });
    fc.assert(
      fc.property(fc.array(candidate), (rows) => {
        const candidates = rows.map((row, index) => ({ ...row, id: `c${index}` }));
        const { accepted, rejected } = new QualityGates().apply(candidates);
        const ids = [...accepted, ...rejected.map((entry) => entry.candidate)].map((row) => row.id);
        expect(ids.sort()).toEqual(candidates.map((row) => row.id).sort());
        expect(accepted.every((row) => row.labelScore >= 70 && row.target !== '')).toBe(true);
      }),
    );
  });
});

describe('augmentation', () => {
  const operator = {
    name: 'number',
    apply: (row: { input: string; target: string }, purpose: readonly (string | number)[]) => ({
      input: `${row.input} ${purpose.at(-1)}`,
      target: row.target,
    }),
  };

  it('R9: the size is round(factor · rows), and every added label scores 100', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(25),
        fc.double({ min: 1, max: 5, noNaN: true }),
        seed,
        async (count, factor, streamSeed) => {
          const rows = Array.from({ length: count }, (_, index) =>
            example({ id: `e${index}`, input: `thing ${index}` }),
          );
          const verify = (row: { input: string }) => (row.input.length % 5 === 0 ? 50 : 100);
          const { examples } = await new DataAugmenter(factor).augmentTrainingData(rows, [operator], verify, {
            seed: streamSeed,
          });
          expect(examples.length).toBe(Math.round(factor * count));
          expect(examples.slice(count).every((row) => verify(row) === 100)).toBe(true);
          expect(new Set(examples.map((row) => row.input)).size).toBe(examples.length);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('batching', () => {
  const input = fc.record({
    artifactType,
    availableExamples: fc.nat(400),
    avgQuality: share,
    share,
    trend: fc.double({ min: -50, max: 50, noNaN: true }),
  });
  const manager = new AdaptiveBatchManager();

  it('R3: a size is within 20 … 100 and what is there, or the type waits', () => {
    fc.assert(
      fc.property(input, (values) => {
        const { size, wait } = manager.calculateOptimalBatchSize(values);
        expect(wait).toBe(values.availableExamples < 20);
        expect(size).toBeGreaterThanOrEqual(wait ? 0 : 20);
        expect(size).toBeLessThanOrEqual(wait ? 0 : Math.min(100, values.availableExamples));
      }),
    );
  });

  it('R3: the four forces never pull the wrong way', () => {
    const size = (values: Parameters<typeof manager.calculateOptimalBatchSize>[0]) =>
      manager.calculateOptimalBatchSize(values).size;
    fc.assert(
      fc.property(input, fc.nat(100), share, (values, more, step) => {
        const base = size(values);
        expect(size({ ...values, availableExamples: values.availableExamples + more })).toBeGreaterThanOrEqual(base);
        expect(size({ ...values, avgQuality: values.avgQuality + (1 - values.avgQuality) * step })).toBeLessThanOrEqual(
          base,
        );
        expect(size({ ...values, share: values.share * step })).toBeLessThanOrEqual(base);
        expect(size({ ...values, trend: values.trend + 10 * step })).toBeGreaterThanOrEqual(base);
      }),
    );
  });

  it('R3: a round loses no row and repeats none', () => {
    fc.assert(
      fc.property(
        fc.array(artifactType, { maxLength: 150 }),
        fc.array(artifactType, { maxLength: 40 }),
        seed,
        (types, failed, streamSeed) => {
          const rows = types.map((type, index) => example({ id: `e${index}`, artifactType: type }));
          const hardNegatives = failed.map((type, index) =>
            example({ id: `n${index}`, artifactType: type, hardNegative: true }),
          );
          const sizes = ARTIFACT_TYPES.map((type) =>
            manager.calculateOptimalBatchSize({
              artifactType: type,
              availableExamples: types.filter((other) => other === type).length,
              avgQuality: 0.7,
              share: 1 / 3,
              trend: 0,
            }),
          );
          const { batches, waiting } = assembleRound(rows, sizes, { idPrefix: 'r', seed: streamSeed, hardNegatives });
          const ids = [...batches.flatMap((batch) => batch.exampleIds), ...waiting.map((row) => row.id)];
          expect(ids.sort()).toEqual([...rows, ...hardNegatives].map((row) => row.id).sort());
          for (const batch of batches) expect(batch.exampleIds).toHaveLength(batch.size);
        },
      ),
    );
  });
});

describe('tracking', () => {
  const rows = fc.array(fc.record({ artifactType, key: fc.nat(60) }), { maxLength: 120 }).map((list) =>
    list.map(({ artifactType: type, key }, index): Splittable => ({
      id: `e${index}`,
      artifactType: type,
      input: `request ${key}`,
    })),
  );

  it('R4: the split never leaks: rows with one input are on one side', () => {
    fc.assert(
      fc.property(rows, seed, keys, (list, streamSeed, order) => {
        const sides = splitTrainValidation(list, { seed: streamSeed });
        const sideOf = new Map<string, string>();
        for (const row of list) {
          const side = sides.get(row.id)!;
          expect(sideOf.get(row.input) ?? side).toBe(side);
          sideOf.set(row.input, side);
        }
        const other = splitTrainValidation(shuffled(list, order), { seed: streamSeed });
        for (const row of list) expect(other.get(row.id)).toBe(sides.get(row.id));
      }),
    );
  });

  it('R4: the ratio of every type is kept to one row while groups are pairs at most', () => {
    const types = fc.array(fc.record({ artifactType, twin: fc.boolean(), distinct: fc.constant(null) }), {
      maxLength: 120,
    });
    fc.assert(
      fc.property(types, seed, fc.double({ min: 0.05, max: 0.5, noNaN: true }), (list, streamSeed, ratio) => {
        const pairs = list.flatMap(({ artifactType: type, twin }, index): Splittable[] => {
          const row = { id: `e${index}`, artifactType: type, input: `request ${index}` };
          return twin ? [row, { ...row, id: `t${index}` }] : [row];
        });
        const sides = splitTrainValidation(pairs, { seed: streamSeed, ratio });
        for (const type of ARTIFACT_TYPES) {
          const ofType = pairs.filter((row) => row.artifactType === type);
          const validation = ofType.filter((row) => sides.get(row.id) === 'validation').length;
          expect(Math.abs(validation - Math.round(ratio * ofType.length))).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe('training', () => {
  it('R11: a plan holds every row once, whatever the order they come in', () => {
    const list = fc.array(fc.record({ difficulty: share, validation: fc.boolean() }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(list, seed, fc.boolean(), keys, (values, streamSeed, curriculum, order) => {
        const rows = values.map(({ difficulty, validation }, index) =>
          example({ id: `e${index}`, difficulty, split: validation && index > 0 ? 'validation' : 'train' }),
        );
        const parameters = { batchSize: 4, gradientAccumulationSteps: 2, numEpochs: 2 };
        const plan = planTraining({ examples: rows, parameters, curriculum, seed: streamSeed });
        expect([...plan.train, ...plan.validation].map((row) => row.id).sort()).toEqual(
          rows.map((row) => row.id).sort(),
        );
        expect(planTraining({ examples: shuffled(rows, order), parameters, curriculum, seed: streamSeed })).toEqual(
          plan,
        );
      }),
    );
  });
});
