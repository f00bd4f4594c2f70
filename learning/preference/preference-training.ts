import type { TrainingParameters } from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';
import type { ObjectiveSpec } from '../../engine/index.js';

export interface PreferenceTraining {
  objective: ObjectiveSpec;
  parameters: TrainingParameters;
}

/**
 * How a round learns from its pairs: DPO from the adapter that the round has trained, which is also the reference (Rafailov
 * et al. 2023 start from the supervised model, too), with the round's parameters but for those of `preference`.
 */
export function preferenceTraining(
  { loss, beta, learningRate, batchSize, numEpochs }: LoopConfig['preference'],
  trainedWith: TrainingParameters,
): PreferenceTraining {
  return {
    objective: { kind: 'dpo', loss, beta, reference: 'initial' },
    parameters: { ...trainedWith, learningRate, batchSize, numEpochs, gradientAccumulationSteps: 1 },
  };
}
