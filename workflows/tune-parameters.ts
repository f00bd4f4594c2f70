import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy } from '@temporalio/workflow';
import type { TrainingParameters } from '../config/domain.js';
import { trialWorkflowId } from './identifiers.js';
import type { Activities } from './proxies.js';
import { runTrial, type TrialData } from './run-trial.js';

export interface TuneParametersInput extends TrialData {
  /** What a round without tuning would train with. */
  current: TrainingParameters;
}

/**
 * Searches the round's training parameters: generations of `parallel` trials, each trial a child workflow. The trials of a
 * generation are proposed together and judged against earlier generations alone, so that the search does not depend on
 * which of them is faster. Returns the best trial's parameters, or the current ones when every trial failed.
 */
export async function tuneParameters(
  { store, cpu }: Activities,
  { current, ...input }: TuneParametersInput,
): Promise<TrainingParameters> {
  const { key, config, initialModel } = input;
  const { trials, parallel } = config.tuning;
  const newAdapter = config.strategy === 'lora' && initialModel === null;
  await store.openStudy({ key, config, current, newAdapter });
  for (let from = 0; from < trials; from += parallel) {
    const count = Math.min(parallel, trials - from);
    const proposed = await store.proposeTrials({ key, from, count });
    await Promise.all(
      proposed.map((parameters, place) => {
        const number = from + place;
        const trial = { ...input, parameters: { ...current, ...parameters }, number, generation: from };
        return executeChild(runTrial, {
          workflowId: trialWorkflowId(key.loop, key.round, number),
          args: [trial],
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        });
      }),
    );
  }
  const stored = await store.bestParameters({ loop: key.loop });
  return await cpu.chooseParameters({ key, config, stored });
}
