import type { ModelConfig } from '../nn/config.js';
import { loadModel } from '../nn/load-model.js';
import { defaultObjective } from './default-objective.js';
import { distillationObjective } from './distillation.js';
import type { Objective } from './objective.js';
import { isPreference, type ObjectiveSpec } from './objective-spec.js';
import { preferenceObjective } from './preference.js';

/** The objective of a run; loads the teacher where there is one. @throws RatchetError as `loadModel` does */
export async function createObjective(spec: ObjectiveSpec, config: ModelConfig): Promise<Objective> {
  if (isPreference(spec)) return preferenceObjective(spec);
  if (spec.kind !== 'distillation') return defaultObjective(config);
  const { teacherDir, temperature, hardWeight } = spec;
  return distillationObjective(config, await loadModel(teacherDir), { temperature, hardWeight });
}
