import type { Engine } from '../engine/index.js';
import type { Store } from '../store/store.js';
import { createAugmentationActivities } from './augmentation.js';
import { createBatchingActivities } from './batching.js';
import {
  createClaimsCpuActivities,
  createClaimsGpuActivities,
  type ClaimsCpuActivities,
  type ClaimsGpuActivities,
} from './claims.js';
import { createCurriculumActivities } from './curriculum.js';
import {
  createDataParallelCpuActivities,
  createDataParallelGpuActivities,
  type DataParallelCpuActivities,
  type DataParallelGpuActivities,
} from './data-parallel.js';
import type { Dependencies } from './dependencies.js';
import { createEmbeddingActivities } from './embeddings.js';
import { createEnsembleActivities } from './ensemble.js';
import { createFeedbackCpuActivities, createFeedbackGpuActivities, createFeedbackStoreActivities } from './feedback.js';
import { createImportActivities } from './import-feedback.js';
import type { CpuActivities, GpuActivities, ImportActivities, StoreActivities } from './interfaces.js';
import { createPreferenceCpuActivities, createPreferenceGpuActivities } from './preference.js';
import { createRewardActivities } from './reward.js';
import { createSelectionActivities } from './selection.js';
import { createTrackingCpuActivities, createTrackingGpuActivities, createTrackingStoreActivities } from './tracking.js';
import { createTrainingCpuActivities, createTrainingGpuActivities, createTrainingStoreActivities } from './training.js';
import { createTuningActivities, createTuningGpuActivities, createTuningStoreActivities } from './tuning.js';

/** Activities of the `store` queue. */
export function createStoreActivities(deps: Dependencies & { store: Store }): StoreActivities {
  return {
    ...createFeedbackStoreActivities(deps),
    ...createTuningStoreActivities(deps),
    ...createTrainingStoreActivities(deps),
    ...createTrackingStoreActivities(deps),
  };
}

/** Activities of the `cpu` queue. */
export function createCpuActivities(
  deps: Dependencies,
): CpuActivities & ImportActivities & ClaimsCpuActivities & DataParallelCpuActivities {
  return {
    ...createDataParallelCpuActivities(deps),
    ...createClaimsCpuActivities(deps),
    ...createImportActivities(deps),
    ...createFeedbackCpuActivities(deps),
    ...createRewardActivities(deps),
    ...createCurriculumActivities(deps),
    ...createSelectionActivities(deps),
    ...createAugmentationActivities(deps),
    ...createBatchingActivities(deps),
    ...createTuningActivities(),
    ...createTrainingCpuActivities(deps),
    ...createPreferenceCpuActivities(deps),
    ...createTrackingCpuActivities(deps),
  };
}

/** Activities of the `gpu` queue. */
export function createGpuActivities(
  deps: Dependencies & { engine: Engine },
): GpuActivities & ClaimsGpuActivities & DataParallelGpuActivities {
  // An experiment plays whole loops inside one activity, over the same stages.
  const gpuOver = (engine: Engine) => createStageGpuActivities({ ...deps, engine });
  return {
    ...gpuOver(deps.engine),
    ...createDataParallelGpuActivities(deps),
    ...createClaimsGpuActivities({ ...deps, cpu: createCpuActivities(deps), gpuOver }),
  };
}

/** The stages' part of the `gpu` queue. */
function createStageGpuActivities(deps: Dependencies & { engine: Engine }): GpuActivities {
  return {
    ...createFeedbackGpuActivities(deps),
    ...createTuningGpuActivities(deps),
    ...createTrainingGpuActivities(deps),
    ...createEmbeddingActivities(deps),
    ...createEnsembleActivities(deps),
    ...createPreferenceGpuActivities(deps),
    ...createTrackingGpuActivities(deps),
  };
}
