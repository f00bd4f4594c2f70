import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy, workflowInfo } from '@temporalio/workflow';
import type { RoundKey, TrainingSummary } from '../activities/interfaces.js';
import type { ModelReference } from '../activities/loop-state.js';
import type { ArtifactRef, TrainingParameters } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import type { ObjectiveSpec } from '../engine/index.js';
import { hasCode } from './failure.js';
import { modelVersionId } from './identifiers.js';
import { connectActivities, type WorkflowSettings } from './proxies.js';
import { trainInParallel } from './train-in-parallel.js';

export interface TrainAdapterInput {
  key: RoundKey;
  config: LoopConfig;
  settings: WorkflowSettings;
  planRef: ArtifactRef;
  validationRef: ArtifactRef | null;
  parameters: TrainingParameters;
  initialModel: ModelReference | null;
  /** Absent: prompts with completions. Present: the plan's rows are preference pairs, and the initial model the reference. */
  objective?: ObjectiveSpec;
}

export interface TrainAdapterResult {
  run: TrainingSummary;
  model: ModelReference;
  logRef: ArtifactRef;
  /** What the run was finished with: a smaller minibatch than asked for when memory ran out. */
  parameters: TrainingParameters;
}

/**
 * Trains one model version, on one worker or (`training.dataParallel`) on several. When the device runs out of memory the
 * minibatch is halved and the gradient accumulation grown so that an update still sees as many rows; at one row the failure
 * is final.
 */
export async function trainAdapter(input: TrainAdapterInput): Promise<TrainAdapterResult> {
  const { key, config, settings, planRef, validationRef, initialModel, objective } = input;
  const { gpu } = connectActivities(settings);
  const outputName = modelVersionId(key.loop, key.round) + (objective === undefined ? '' : '-preference');
  let parameters = input.parameters;
  for (;;) {
    try {
      if (config.training.dataParallel?.workers > 1 && objective === undefined) {
        const trained = await executeChild(trainInParallel, {
          workflowId: `${workflowInfo().workflowId}/parallel`,
          args: [{ ...input, parameters, outputName }],
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        });
        return { ...trained, parameters };
      }
      const trained = await gpu.trainModel({
        key,
        config,
        planRef,
        validationRef,
        parameters,
        initialModel,
        outputName,
        ...(objective !== undefined && { objective }),
      });
      return { ...trained, parameters };
    } catch (error) {
      if (!hasCode(error, 'E_OUT_OF_MEMORY') || parameters.batchSize === 1) throw error;
      parameters = halveBatch(parameters);
    }
  }
}

/** Half the minibatch (rounded down), with the accumulation that keeps at least as many rows an update. */
export function halveBatch(parameters: TrainingParameters): TrainingParameters {
  const batchSize = Math.max(1, Math.floor(parameters.batchSize / 2));
  const rows = parameters.batchSize * parameters.gradientAccumulationSteps;
  return { ...parameters, batchSize, gradientAccumulationSteps: Math.ceil(rows / batchSize) };
}
