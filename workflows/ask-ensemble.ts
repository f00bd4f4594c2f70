import type { RoundKey } from '../activities/interfaces.js';
import type { ArtifactRef } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { needsEnsemble } from '../learning/selection/ensemble-strategies.js';
import type { Activities } from './proxies.js';

/**
 * Has the newest models of the loop, with the base model where they are too few, answer what the round may choose from.
 * Undefined where the strategy looks at no ensemble, or there is no second model yet.
 */
export async function askEnsemble(
  { store, gpu }: Activities,
  input: { key: RoundKey; config: LoopConfig; feedbackRef: ArtifactRef; curriculumRef: ArtifactRef },
): Promise<ArtifactRef | undefined> {
  const { config } = input;
  const { strategy, ensemble } = config.selection;
  if (!config.components.activeLearning || !needsEnsemble(strategy)) return undefined;
  const newest = await store.recentModels({ loop: config.name, limit: ensemble, before: input.key.round });
  const models = newest.length < ensemble ? [...newest, null] : newest;
  return models.length < 2 ? undefined : await gpu.askEnsemble({ ...input, models });
}
