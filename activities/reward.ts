import type { FeedbackEvent } from '../config/domain.js';
import { estimateDifficulty } from '../datasets/index.js';
import { levenshteinSimilarity } from '../learning/metrics/levenshtein.js';
import { SimilarityCalculator } from '../learning/metrics/similarity-calculator.js';
import { scoreBucketRewards } from '../learning/reward/bucket-rewards.js';
import { scoreRewards } from '../learning/reward/score-rewards.js';
import { RoundFiles, type Dependencies } from './dependencies.js';
import type { CpuActivities } from './interfaces.js';

const similarities = new SimilarityCalculator();
const combinedSimilarity = (output: string, correction: string) => similarities.calculateSimilarity(output, correction);

/** Stage 2: reward. */
export function createRewardActivities(deps: Dependencies): Pick<CpuActivities, 'scoreRewards'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async scoreRewards({ key, config, feedbackRef }) {
      const events = await files.read<FeedbackEvent>(feedbackRef);
      const similarity = config.reward.similarity === 'character' ? levenshteinSimilarity : combinedSimilarity;
      if (config.reward.scheme === 'buckets') {
        return files.write(key, 'rewards', scoreBucketRewards(events, similarity));
      }
      // Ages count from the newest event, not from the clock: a round that is run again gives the same rewards.
      const asOf = events.reduce((newest, event) => (event.ts > newest ? event.ts : newest), events[0]!.ts);
      const rewards = scoreRewards(events, {
        asOf,
        config: config.reward,
        difficultyOf: (event) => estimateDifficulty(event.artifact_type, event.input_data),
        similarity,
      });
      return files.write(key, 'rewards', rewards);
    },
  };
}
