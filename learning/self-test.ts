import type { LoopConfig } from '../config/loop.js';
import { DataAugmenter } from './augmentation/data-augmenter.js';
import { AdaptiveBatchManager } from './batching/adaptive-batch-manager.js';
import { CurriculumLearner } from './curriculum/curriculum-learner.js';
import { QualityGates } from './feedback/quality-gates.js';
import { SimilarityCalculator } from './metrics/similarity-calculator.js';
import { EnhancedRewardCalculator } from './reward/enhanced-reward-calculator.js';
import { ActiveLearner } from './selection/active-learner.js';
import { FAILURE_THRESHOLD, HardNegativeMiner } from './selection/hard-negative-miner.js';
import { runChecks, type SelfTestResult } from './self-test-result.js';
import { PerformanceTracker } from './tracking/performance-tracker.js';
import { bestOrDefault, selfTestTuning } from './tuning/best-or-default.js';
import { defaultParameters } from './tuning/search-space.js';

/**
 * R14: the ten components, each built from the loop's configuration and tried on a small case with a known answer, and
 * the configuration itself: eleven results.
 */
export async function runSelfTests(config: LoopConfig): Promise<SelfTestResult[]> {
  return [
    new EnhancedRewardCalculator(config.reward).selfTest(),
    new SimilarityCalculator().selfTest(),
    new QualityGates({ config: config.gate }).selfTest(),
    new CurriculumLearner(config.curriculum).selfTest(),
    new ActiveLearner({ budget: config.selection.budget }).selfTest(),
    new HardNegativeMiner().selfTest(),
    await new DataAugmenter(config.augmentation.factor).selfTest(),
    new AdaptiveBatchManager(config.batching).selfTest(),
    selfTestTuning(defaultParameters(config.training)),
    new PerformanceTracker(config.tracking).selfTest(),
    selfTestConfiguration(config),
  ];
}

/** Relations between settings that a schema of single fields does not state. */
export function selfTestConfiguration(config: LoopConfig): SelfTestResult {
  const { curriculum, selection, batching, tracking, gate, training } = config;
  const weights = selection.uncertainty + selection.diversity + selection.quality;
  return runChecks('EnhancedAdaptiveLearningLoop', {
    'the easy band ends before the medium one': () => curriculum.easy < curriculum.medium,
    'the selection weights add up to 1': () => Math.abs(weights - 1) < 1e-9,
    'the batch sizes are ordered: min ≤ default ≤ max': () =>
      batching.min <= batching.default && batching.default <= batching.max,
    'failure < success < progression': () =>
      FAILURE_THRESHOLD < tracking.successThreshold && tracking.successThreshold < curriculum.progression,
    'no failure can become a label': () => gate.minLabelScore >= FAILURE_THRESHOLD,
    'the configured parameters are used before any trial': () =>
      bestOrDefault([], defaultParameters(training)).parameters.learningRate === training.learningRate,
  });
}
