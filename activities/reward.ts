import type { FeedbackEvent, RejectedRow } from '../config/domain.js';
import { estimateDifficulty } from '../datasets/index.js';
import { levenshteinSimilarity } from '../learning/metrics/levenshtein.js';
import { SimilarityCalculator } from '../learning/metrics/similarity-calculator.js';
import { ageReference } from '../learning/reward/as-of.js';
import { scoreBucketRewards } from '../learning/reward/bucket-rewards.js';
import { judgeSources } from '../learning/reward/judge-sources.js';
import { scoreRewards } from '../learning/reward/score-rewards.js';
import { compareBeforehand } from './compare-beforehand.js';
import { RoundFiles, type Dependencies } from './dependencies.js';
import { readEmbeddings } from './embeddings.js';
import type { CpuActivities } from './interfaces.js';

/** The ledger keeps at most this much of a row. */
const RAW_LIMIT = 4096;

/** Stage 2: reward. */
export function createRewardActivities(deps: Dependencies): Pick<CpuActivities, 'scoreRewards'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async scoreRewards({ key, config, feedbackRef, embeddingsRef }) {
      const events = await files.read<FeedbackEvent>(feedbackRef);
      const embed = embeddingsRef && (await readEmbeddings(files, embeddingsRef));
      const texts = new SimilarityCalculator(embed && { embed });
      const combined = (output: string, correction: string) => texts.calculateSimilarity(output, correction);
      const compare = config.reward.similarity === 'character' ? levenshteinSimilarity : combined;
      const similarity = await compareBeforehand(events, 'corrected_output', compare);
      if (config.reward.scheme === 'buckets') {
        return files.write(key, 'rewards', scoreBucketRewards(events, similarity));
      }
      const { events: judged, sources } = judgeSources(config.reward.trust ? events : [], similarity);
      const rewards = scoreRewards(events, {
        judged,
        asOf: ageReference(events),
        config: config.reward,
        difficultyOf: (event) => estimateDifficulty(event.artifact_type, event.input_data),
        similarity,
      });
      const rewardsRef = await files.write(key, 'rewards', rewards);
      if (sources.length === 0) return rewardsRef;
      const byId = new Map(events.map((event) => [event.id, event]));
      const distrusted = rewards.flatMap(({ eventId, distrusted: reason }): RejectedRow[] => {
        if (reason === undefined) return [];
        const raw = JSON.stringify(byId.get(eventId)).slice(0, RAW_LIMIT);
        return [{ source: 'reward', line: 0, field: 'source', reason, raw }];
      });
      return {
        ...rewardsRef,
        sourcesRef: await files.write(key, 'sources', sources),
        distrustedRef: await files.write(key, 'distrusted', distrusted),
      };
    },
  };
}
