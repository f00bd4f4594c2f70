import { ARTIFACT_TYPES, type ExampleRow } from '../config/domain.js';
import { AdaptiveBatchManager } from '../learning/batching/adaptive-batch-manager.js';
import { assembleRound } from '../learning/batching/assemble-round.js';
import { mean, slope } from '../learning/statistics/descriptive.js';
import { roundFolder, RoundFiles, type Dependencies } from './dependencies.js';
import type { CpuActivities } from './interfaces.js';

/** Stage 6: batching. Sizes count originals; variants follow their original into training. */
export function createBatchingActivities(deps: Dependencies): Pick<CpuActivities, 'assembleBatches'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async assembleBatches({ key, config, examplesRef, earlierExamplesRef, curriculum }) {
      const fresh = await files.read<ExampleRow>(examplesRef);
      const earlier = await files.readEarlier(earlierExamplesRef, config);
      const originals = [...earlier, ...fresh].filter((row) => row.parentId === undefined && row.split === 'train');
      const manager = new AdaptiveBatchManager(config.batching);
      const trend = slope(curriculum.history.slice(-5).map((entry) => entry.average));
      const sizes = ARTIFACT_TYPES.flatMap((artifactType) => {
        const rows = originals.filter((row) => row.artifactType === artifactType);
        if (rows.length === 0) return [];
        return manager.calculateOptimalBatchSize({
          artifactType,
          availableExamples: rows.length,
          avgQuality: mean(rows.map((row) => row.labelScore)) / 100,
          share: rows.length / originals.length,
          trend,
        });
      });
      const { batches, waiting } = assembleRound(originals, sizes, { idPrefix: roundFolder(key), seed: config.seed });
      const ready = fresh.length > 0 && batches.length > 0;
      const counts = sizes.map(({ artifactType, available }) => `${available} ${artifactType}`).join(', ');
      const trained = `${originals.length - waiting.length} examples in ${batches.length} ${batches.length === 1 ? 'batch' : 'batches'}`;
      const waits =
        fresh.length === 0
          ? 'no new labelled example'
          : `${originals.length} labelled examples wait (${counts}); a batch needs ${config.batching.min} of one artifact type`;
      return { batchesRef: await files.write(key, 'batches', batches), ready, reason: ready ? trained : waits };
    },
  };
}
