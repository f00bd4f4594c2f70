import { bestOrDefault } from '../learning/tuning/best-or-default.js';
import { defaultParameters } from '../learning/tuning/search-space.js';
import type { Store } from '../store/store.js';
import type { CpuActivities, StoreActivities } from './interfaces.js';

/** Stage 7: tuning. */
export function createTuningActivities(): Pick<CpuActivities, 'chooseParameters'> {
  return {
    async chooseParameters({ config, stored }) {
      const trials = stored === null ? [] : [{ id: 'stored', parameters: stored, score: 0 }];
      return bestOrDefault(trials, defaultParameters(config.training)).parameters;
    },
  };
}

/** Stage 7, the store's part. */
export function createTuningStoreActivities(deps: { store: Store }): Pick<StoreActivities, 'bestParameters'> {
  return { bestParameters: async ({ loop }) => (await deps.store.bestTrial(loop, 'all'))?.parameters ?? null };
}
