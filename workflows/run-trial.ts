import { isCancellation } from '@temporalio/workflow';
import type { RoundKey } from '../activities/interfaces.js';
import type { ModelReference } from '../activities/loop-state.js';
import type { ArtifactRef, TrainingParameters } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { hasCode } from './failure.js';
import { connectActivities, type WorkflowSettings } from './proxies.js';
import { halveBatch } from './train-adapter.js';

/** What all trials of a round share. */
export interface TrialData {
  key: RoundKey;
  config: LoopConfig;
  settings: WorkflowSettings;
  planRef: ArtifactRef;
  validationRef: ArtifactRef;
  initialModel: ModelReference | null;
}

export interface RunTrialInput extends TrialData {
  parameters: TrainingParameters;
  /** Its number in the round's study, and that of the first trial that started together with it. */
  number: number;
  generation: number;
  /** The epoch at which it waits for others this time; null: it goes to its end. Absent: a pruner is asked on the way. */
  untilEpoch?: number | null;
}

/**
 * One trial of the tuning stage: trains to its first, second, fourth … epoch, each time asks the pruner whether to go
 * on, and ends with the validation loss. A trial that fails for good costs itself, not the search.
 */
export async function runTrial(input: RunTrialInput): Promise<'complete' | 'pruned' | 'failed'> {
  const { key, config, settings, number, generation, untilEpoch: epoch } = input;
  const { store } = connectActivities(settings);
  let reported = 0;
  const report = async (validationLosses: number[]): Promise<boolean> => {
    const losses = validationLosses.map((loss, place) => ({ epoch: place + 1, loss })).slice(reported);
    if (losses.length === 0) return false;
    reported += losses.length;
    return (await store.reportTrial({ key, number, generation, losses })).prune;
  };
  try {
    const train = trainer(input);
    if (typeof epoch === 'number') {
      const { validationLosses } = await train(epoch);
      await report(validationLosses);
      // One that stopped early has nothing to wait for.
      if (validationLosses.length >= epoch) {
        await store.pauseTrial({ key, number, epoch });
        return 'pruned';
      }
    }
    for (const untilEpoch of epoch === undefined ? rungs(input.parameters.numEpochs, config.tuning.pruner) : []) {
      if (!(await report((await train(untilEpoch)).validationLosses))) continue;
      await store.finishTrial({ key, number, outcome: 'pruned' });
      return 'pruned';
    }
    const { validationLosses, loss } = await train(null);
    await report(validationLosses);
    await store.finishTrial({ key, number, outcome: loss === null ? 'failed' : { loss } });
    return loss === null ? 'failed' : 'complete';
  } catch (error) {
    if (isCancellation(error)) throw error;
    await store.finishTrial({ key, number, outcome: 'failed' });
    return 'failed';
  }
}

/** Epochs after which the pruner is asked; the last epoch needs no decision. */
export function rungs(numEpochs: number, pruner: LoopConfig['tuning']['pruner']): number[] {
  const epochs: number[] = [];
  if (pruner !== 'none') for (let epoch = 1; epoch < numEpochs; epoch *= 2) epochs.push(epoch);
  return epochs;
}

/** Trains up to an epoch; when memory runs out, with half the minibatch from then on. */
function trainer({ key, config, settings, planRef, validationRef, initialModel, number, ...input }: RunTrialInput) {
  const { gpu } = connectActivities(settings);
  let { parameters } = input;
  return async (untilEpoch: number | null) => {
    for (;;) {
      try {
        const run = { key, config, planRef, validationRef, initialModel, number, parameters, untilEpoch };
        return await gpu.trainTrial(run);
      } catch (error) {
        if (!hasCode(error, 'E_OUT_OF_MEMORY') || parameters.batchSize === 1) throw error;
        parameters = halveBatch(parameters);
      }
    }
  };
}
