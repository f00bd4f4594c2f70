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
  /** With the pruner `asha`: whether it waits for the others once it is trained. */
  waits?: boolean;
}

/**
 * One trial of the tuning stage: trains to its first, second, fourth … epoch, each time asks the pruner whether to go
 * on, and ends with the validation loss. With `asha` it trains once, for as many epochs as were proposed. A trial that
 * fails for good costs itself, not the search.
 */
export async function runTrial(input: RunTrialInput): Promise<'complete' | 'pruned' | 'failed'> {
  const { key, config, settings, number, generation, waits } = input;
  const { numEpochs } = input.parameters;
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
    for (const untilEpoch of rungs(numEpochs, config.tuning.pruner)) {
      if (!(await report((await train(untilEpoch)).validationLosses))) continue;
      await store.finishTrial({ key, number, outcome: 'pruned' });
      return 'pruned';
    }
    const { validationLosses, loss } = await train(null);
    if (config.tuning.pruner !== 'asha') await report(validationLosses);
    else if (loss !== null) await store.reportTrial({ key, number, generation, losses: [{ epoch: numEpochs, loss }] });
    if (waits && loss !== null) {
      await store.pauseTrial({ key, number, epoch: numEpochs });
      return 'pruned';
    }
    await store.finishTrial({ key, number, outcome: loss === null ? 'failed' : { loss } });
    return loss === null ? 'failed' : 'complete';
  } catch (error) {
    if (isCancellation(error)) throw error;
    await store.finishTrial({ key, number, outcome: 'failed' });
    return 'failed';
  }
}

/** Epochs after which the pruner is asked on the way; the last epoch needs no decision. */
export function rungs(numEpochs: number, pruner: LoopConfig['tuning']['pruner']): number[] {
  const epochs: number[] = [];
  if (pruner !== 'none' && pruner !== 'asha') for (let epoch = 1; epoch < numEpochs; epoch *= 2) epochs.push(epoch);
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
