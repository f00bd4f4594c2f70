import { describe, expect, it } from 'vitest';
import { LoopConfig } from '../../../config/loop.js';
import { planTraining } from '../../../learning/training/plan-training.js';
import { bestOrDefault } from '../../../learning/tuning/best-or-default.js';
import {
  defaultParameters,
  isInRange,
  SEARCH_SPACE,
  WIDE_SEARCH_SPACE,
} from '../../../learning/tuning/search-space.js';
import { example } from './events.js';

const defaults = defaultParameters(LoopConfig.parse({}).training);

describe('tuning', () => {
  it('R7: searches the documented space', () => {
    expect(SEARCH_SPACE).toEqual({
      learningRate: { low: 1e-6, high: 1e-3, scale: 'log', integer: false },
      batchSize: { low: 8, high: 64, scale: 'log', integer: true },
      numEpochs: { low: 1, high: 10, scale: 'linear', integer: true },
      warmupRatio: { low: 0, high: 0.2, scale: 'linear', integer: false },
      loraRank: { low: 4, high: 64, scale: 'log', integer: true },
      loraAlpha: { low: 8, high: 128, scale: 'log', integer: false },
    });
    expect([WIDE_SEARCH_SPACE.loraRank.high, WIDE_SEARCH_SPACE.loraAlpha.high]).toEqual([128, 256]);
    expect([
      isInRange(16, SEARCH_SPACE.loraRank),
      isInRange(16.5, SEARCH_SPACE.loraRank),
      isInRange(65, SEARCH_SPACE.loraRank),
    ]).toEqual([true, false, false]);
  });

  it('R7: falls back to the configured defaults', () => {
    expect(bestOrDefault([], defaults)).toEqual({ parameters: defaults, trialId: null, score: null });
    const failed = [
      { id: 'a', parameters: { learningRate: 1 }, score: null },
      { id: 'b', parameters: { learningRate: 1 }, score: NaN },
    ];
    expect(bestOrDefault(failed, defaults).trialId).toBeNull();
    expect(defaults).toMatchObject({
      learningRate: 2e-4,
      batchSize: 4,
      gradientAccumulationSteps: 4,
      loraRank: 16,
      loraAlpha: 32,
    });
    expect(defaults).not.toHaveProperty('targetModules');
  });

  it('R7: the best finished trial changes what it names', () => {
    const trials = [
      { id: 'b', parameters: { learningRate: 1e-3, loraRank: 8 }, score: 80 },
      { id: 'a', parameters: { learningRate: 5e-4 }, score: 80 },
      { id: 'c', parameters: { learningRate: 1e-5 }, score: 70 },
    ];
    expect(bestOrDefault(trials, defaults)).toEqual({
      parameters: { ...defaults, learningRate: 5e-4 },
      trialId: 'a',
      score: 80,
    });
  });
});

describe('planTraining', () => {
  const parameters = { batchSize: 4, gradientAccumulationSteps: 4, numEpochs: 3 };
  const rows = Array.from({ length: 40 }, (_, index) =>
    example({
      id: `e${10 + index}`,
      difficulty: ((index * 7) % 40) / 40,
      split: index % 5 === 0 ? 'validation' : 'train',
    }),
  );

  it('R5: the first epoch goes from easy to hard', () => {
    const plan = planTraining({ examples: rows, parameters, curriculum: true, seed: 1 });
    const difficulties = plan.train.map(({ id }) => rows.find((row) => row.id === id)!.difficulty);
    expect(difficulties).toEqual([...difficulties].sort((a, b) => a - b));
    expect(plan.shuffleFirstEpoch).toBe(false);
  });

  it('R11: without the curriculum the order is a seeded shuffle', () => {
    const ids = (seed: number, examples = rows) =>
      planTraining({ examples, parameters, curriculum: false, seed }).train.map((row) => row.id);
    expect(ids(1)).toEqual(ids(1, [...rows].reverse()));
    expect(ids(1)).not.toEqual(ids(2));
    expect([...ids(1)].sort()).toEqual([...ids(2)].sort());
  });

  it('R11: validation rows are never trained on, and steps are counted', () => {
    const plan = planTraining({ examples: rows, parameters, curriculum: true, seed: 1 });
    expect([plan.train.length, plan.validation.length]).toEqual([32, 8]);
    expect(plan.validation.map((row) => row.id)).toEqual(['e10', 'e15', 'e20', 'e25', 'e30', 'e35', 'e40', 'e45']);
    expect(plan.train[0]).toEqual({ id: expect.any(String), prompt: 'a customer', completion: 'customer' });
    expect([plan.stepsPerEpoch, plan.totalSteps]).toEqual([2, 6]);
  });

  it('R1: rows carry the weights of their examples, where there are some', () => {
    const weightOf = ({ difficulty }: { difficulty: number }) => 1 + difficulty;
    const plan = planTraining({ examples: rows, parameters, curriculum: true, seed: 1, weightOf });
    const difficultyOf = (id: string) => rows.find((row) => row.id === id)!.difficulty;
    expect(plan.train.map(({ weight }) => weight)).toEqual(plan.train.map(({ id }) => 1 + difficultyOf(id)));
    expect(plan.validation.every((row) => !('weight' in row))).toBe(true);
  });

  it('R11: refuses an empty training split and a repeated example', () => {
    expect(() => planTraining({ examples: [], parameters, curriculum: true, seed: 1 })).toThrow('none of 0 examples');
    expect(() => planTraining({ examples: [rows[1]!, rows[1]!], parameters, curriculum: true, seed: 1 })).toThrow(
      'example e11 occurs twice',
    );
  });
});
