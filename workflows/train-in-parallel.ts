import {
  ChildWorkflowCancellationType,
  continueAsNew,
  executeChild,
  ParentClosePolicy,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  DataParallelCpuActivities,
  DataParallelGpuActivities,
  SharedTraining,
  ShardResult,
} from '../activities/data-parallel.js';
import type { TrainingSummary } from '../activities/interfaces.js';
import type { ModelReference } from '../activities/loop-state.js';
import type { ArtifactRef } from '../config/domain.js';
import { stoppingPatience } from '../learning/tracking/validation-use.js';
import { planShards } from '../learning/training/plan-shards.js';
import { activityOptions, type WorkflowSettings } from './proxies.js';
import type { TrainAdapterInput, TrainAdapterResult } from './train-adapter.js';

interface TrainInParallelInput extends TrainAdapterInput {
  outputName: string;
  /** Set when the training continues as new. */
  carried?: SharedProgress;
}

/** Where a shared training stands between two rounds of local steps. */
interface SharedProgress {
  /** Averages made, and local steps of each worker. */
  outer: number;
  step: number;
  /** What all workers start from next. */
  average: ModelReference;
  /** Each worker's last result, in the order of the shards; empty before the first average. */
  shards: ModelReference[];
  logRef: ArtifactRef | null;
  validationLoss: number | null;
  best: { step: number; loss: number; outer: number; model: ModelReference } | null;
  /** Validations in a row that did not improve on the best. */
  stale: number;
  truncatedRows: number;
}

interface OuterRoundInput extends SharedTraining {
  settings: WorkflowSettings;
  validationRef: ArtifactRef | null;
  progress: SharedProgress;
}

const CHILD_OPTIONS = {
  cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
} as const;

const connect = (settings: WorkflowSettings) => ({
  gpu: proxyActivities<DataParallelGpuActivities>(activityOptions(settings).gpu),
  cpu: proxyActivities<DataParallelCpuActivities>(activityOptions(settings).cpu),
});

/**
 * Trains one adapter on several workers (`training.dataParallel`): each takes its share of the rows and of every update,
 * and after `localSteps` updates all meet in their average. Every round of local steps is a child workflow. The result does
 * not depend on which worker did what, when, or how often it was lost; it is another one than that of a single worker.
 */
export async function trainInParallel(input: TrainInParallelInput): Promise<Omit<TrainAdapterResult, 'parameters'>> {
  const { key, config, settings, planRef, validationRef, parameters, initialModel, outputName } = input;
  const { gpu, cpu } = connect(settings);
  const plan = planShards(planRef.rows, config.training.dataParallel.workers, parameters);
  const shared: SharedTraining = { key, config, planRef, parameters, plan };
  const patience = stoppingPatience(config) ?? Infinity;
  let progress = input.carried;
  if (progress === undefined) {
    const look = { validationRef, outer: 0, shard: 0, from: 0, to: 0, start: initialModel, previous: null };
    const { model, truncatedRows } = await gpu.trainShard({ ...shared, ...look });
    const none = { outer: 0, step: 0, shards: [], logRef: null, validationLoss: null, best: null, stale: 0 };
    progress = { ...none, average: model, truncatedRows };
  }
  while (progress.step < plan.totalSteps && progress.stale < patience) {
    progress = await executeChild(trainOuterRound, {
      workflowId: `${workflowInfo().workflowId}/outer-${progress.outer + 1}`,
      args: [{ ...shared, settings, validationRef, progress }],
      ...CHILD_OPTIONS,
    });
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof trainInParallel>({ ...input, carried: progress });
  }
  const { best, step, average, logRef, validationLoss, truncatedRows } = progress;
  const restored = patience === Infinity ? null : best;
  const finished = await cpu.finishParallel({
    ...shared,
    model: restored?.model ?? average,
    outputName,
    logRef: logRef!,
  });
  const run: TrainingSummary = {
    steps: step,
    trainLoss: finished.trainLoss,
    validationLoss: restored?.loss ?? validationLoss,
    bestStep: restored?.step ?? step,
    stoppedEarly: progress.stale >= patience,
    truncatedRows,
  };
  return { run, model: finished.model, logRef: finished.logRef };
}

/** Local steps of all workers, their average, and its validation at the end of an epoch. */
export async function trainOuterRound(input: OuterRoundInput): Promise<SharedProgress> {
  const { settings, validationRef, progress, ...shared } = input;
  const { plan, config } = shared;
  const { gpu, cpu } = connect(settings);
  const outer = progress.outer + 1;
  const from = progress.step;
  const to = Math.min(plan.totalSteps, from + config.training.dataParallel.localSteps);
  const start = progress.average;
  const shards: ShardResult[] = await Promise.all(
    Array.from({ length: plan.workers }, (_, shard) => {
      const previous = progress.shards[shard] ?? null;
      return gpu.trainShard({ ...shared, validationRef: null, outer, shard, from, to, start, previous });
    }),
  );
  const averaged = await cpu.averageShards({
    ...shared,
    outer,
    former: start,
    shards,
    logRef: progress.logRef,
    keep: progress.best?.outer ?? null,
  });
  const next: SharedProgress = {
    ...progress,
    outer,
    step: to,
    average: averaged.model,
    shards: shards.map(({ model }) => model),
    logRef: averaged.logRef,
  };
  const epochEnded = Math.floor(to / plan.stepsPerEpoch) > Math.floor(from / plan.stepsPerEpoch);
  if (validationRef === null || !(epochEnded || to === plan.totalSteps)) return next;
  const look = { validationRef, outer, shard: 0, from: to, to, start: averaged.model, previous: null };
  const { validationLoss: loss } = await gpu.trainShard({ ...shared, ...look });
  if (loss === null) return next;
  const better = next.best === null || loss < next.best.loss;
  return {
    ...next,
    validationLoss: loss,
    ...(better ? { best: { step: to, loss, outer, model: averaged.model }, stale: 0 } : { stale: next.stale + 1 }),
  };
}
