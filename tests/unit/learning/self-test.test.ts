import { describe, expect, it } from 'vitest';
import { LoopConfig } from '../../../config/loop.js';
import { runChecks } from '../../../learning/self-test-result.js';
import { runSelfTests } from '../../../learning/self-test.js';

describe('runSelfTests', () => {
  it('R14: eleven components pass their own tests', async () => {
    const results = await runSelfTests(LoopConfig.parse({}));
    expect(results.filter((result) => !result.ok)).toEqual([]);
    expect(results.map((result) => result.name)).toEqual([
      'EnhancedRewardCalculator',
      'SimilarityCalculator',
      'QualityGates',
      'CurriculumLearner',
      'ActiveLearner',
      'HardNegativeMiner',
      'DataAugmenter',
      'AdaptiveBatchManager',
      'HyperparameterOptimizer',
      'PerformanceTracker',
      'EnhancedAdaptiveLearningLoop',
    ]);
    for (const result of results) expect(result.detail).not.toBe('');
  });

  it.each([
    [{ selection: { uncertainty: 0.9 } }, 'EnhancedAdaptiveLearningLoop', 'the selection weights add up to 1'],
    [{ tracking: { successThreshold: 50 } }, 'EnhancedAdaptiveLearningLoop', 'failure < success < progression'],
    [{ batching: { default: 10 } }, 'EnhancedAdaptiveLearningLoop', 'min ≤ default ≤ max'],
  ])('R14: a configuration that contradicts itself fails: %j', async (change, name, detail) => {
    const results = await runSelfTests(LoopConfig.parse(change));
    const failed = results.filter((result) => !result.ok);
    expect(failed.map((result) => result.name)).toEqual([name]);
    expect(failed[0]!.detail).toContain(detail);
  });

  it('R14: a check that throws is a failure that says so', () => {
    const result = runChecks('x', {
      'one plus one': () => 1 + 1 === 2,
      explodes: () => {
        throw new Error('bang');
      },
    });
    expect(result).toEqual({ name: 'x', ok: false, detail: 'explodes: bang' });
  });
});
