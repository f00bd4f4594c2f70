import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy } from '@temporalio/workflow';
import type { RoundKey } from '../activities/interfaces.js';
import type { ModelReference, PreferenceResult } from '../activities/loop-state.js';
import type { ArtifactRef } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { preferenceTraining } from '../learning/preference/preference-training.js';
import { preferenceWorkflowId } from './identifiers.js';
import type { Activities, WorkflowSettings } from './proxies.js';
import { trainAdapter, type TrainAdapterResult } from './train-adapter.js';

export interface LearnPreferencesInput {
  key: RoundKey;
  config: LoopConfig;
  settings: WorkflowSettings;
  feedbackRef: ArtifactRef;
  rewardsRef: ArtifactRef;
  examplesRef: ArtifactRef;
  earlierExamplesRef: ArtifactRef | null;
  champion: ModelReference | null;
  /** The round's training: where learning starts from, and what it is held to. */
  trained: TrainAdapterResult;
}

/**
 * Goes on from the round's adapter with pairs of a better and a worse answer. Returns the model that is the round's
 * candidate from here on: the one given where there are too few pairs.
 */
export async function learnPreferences(
  { store, cpu, gpu }: Activities,
  { settings, champion, trained, ...input }: LearnPreferencesInput,
): Promise<{ model: ModelReference; result: PreferenceResult }> {
  const { key, config } = input;
  const samplesRef = config.preference.inputs === 0 ? null : await gpu.sampleAnswers({ ...input, champion });
  const { pairsRef, rejectedRef, ready, reason } = await cpu.collectPreferences({ ...input, samplesRef });
  await store.recordStage({ key, stage: 'training', table: 'preferences', ref: pairsRef });
  await store.recordStage({ key, stage: 'training', table: 'rejected', ref: rejectedRef });
  const pairs = pairsRef.rows;
  if (!ready) return { model: trained.model, result: { pairs, steps: 0, loss: null, reason } };
  const { objective, parameters } = preferenceTraining(config.preference, trained.parameters);
  const learned = await executeChild(trainAdapter, {
    workflowId: preferenceWorkflowId(key.loop, key.round),
    args: [
      {
        key,
        config,
        settings,
        planRef: pairsRef,
        validationRef: null,
        parameters,
        initialModel: trained.model,
        objective,
      },
    ],
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  });
  const { model, run, logRef } = learned;
  await store.recordTraining({
    key,
    parameters: learned.parameters,
    planRef: pairsRef,
    run,
    model,
    logRef,
    parent: trained.model.id,
    rows: 'preference',
  });
  return { model, result: { pairs, steps: run.steps, loss: run.trainLoss, reason } };
}
