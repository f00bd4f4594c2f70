import type { ModelConfig } from '../nn/config.js';
import { classificationObjective } from './classification.js';
import { causalObjective, sequenceToSequenceObjective } from './language-model.js';
import type { Objective } from './objective.js';

/** What a model of this kind is trained for: next tokens, the target text, or the class. */
export function defaultObjective(config: ModelConfig): Objective {
  if (config.kind === 'classifier') return classificationObjective(config);
  return config.kind === 'encoder-decoder' ? sequenceToSequenceObjective(config) : causalObjective;
}
