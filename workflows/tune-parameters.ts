import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy } from '@temporalio/workflow';
import type { TrainingParameters } from '../config/domain.js';
import { trialWorkflowId } from './identifiers.js';
import type { Activities } from './proxies.js';
import { runTrial, type RunTrialInput, type TrialData } from './run-trial.js';

export interface TuneParametersInput extends TrialData {
  /** What a round without tuning would train with. */
  current: TrainingParameters;
}

/**
 * Searches the round's training parameters: generations of `parallel` trials (with the pruner `asha` of trainings, of which
 * a trial may have several), each a child workflow. Those of a generation are proposed together and judged against earlier
 * generations alone, so that the search does not depend on which of them is faster. Returns the best trial's parameters, or
 * the current ones when every trial failed.
 */
export async function tuneParameters(
  { store, cpu }: Activities,
  { current, ...input }: TuneParametersInput,
): Promise<TrainingParameters> {
  const { key, config, initialModel } = input;
  const { trials, parallel, pruner } = config.tuning;
  const newAdapter = config.strategy === 'lora' && initialModel === null;
  await store.openStudy({ key, config, current, newAdapter });
  const run = (parameters: Partial<TrainingParameters>, part: Pick<RunTrialInput, 'number' | 'generation' | 'waits'>) =>
    executeChild(runTrial, {
      workflowId: trialWorkflowId(key.loop, key.round, part.number),
      args: [{ ...input, parameters: { ...current, ...parameters }, ...part }],
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    });
  if (pruner === 'asha') {
    for (let turn = 0; ; turn++) {
      const parts = await store.proposeParts({ key, turn, trials, count: parallel });
      if (parts.length === 0) break;
      await Promise.all(parts.map(({ parameters, ...part }) => run(parameters, { ...part, generation: turn })));
    }
  } else {
    for (let from = 0; from < trials; from += parallel) {
      const proposed = await store.proposeTrials({ key, from, count: Math.min(parallel, trials - from) });
      await Promise.all(
        proposed.map((parameters, place) => run(parameters, { number: from + place, generation: from })),
      );
    }
  }
  const stored = await store.bestParameters({ loop: key.loop });
  return await cpu.chooseParameters({ key, config, stored });
}
