import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy, setHandler } from '@temporalio/workflow';
import type { LoopState, ModelReference, RoundKey, RoundResult, ScoreSummary } from '../activities/interfaces.js';
import type { ArtifactRef, CurriculumState, EvaluationRow, Stage } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { trainingWorkflowId } from './identifiers.js';
import { progressQuery } from './messages.js';
import { connectActivities, type Activities, type WorkflowSettings } from './proxies.js';
import { trainAdapter } from './train-adapter.js';

export interface RunRoundInput {
  round: number;
  config: LoopConfig;
  settings: WorkflowSettings;
  /** State after the round before this one. */
  state: LoopState;
}

/** A round's result and what it changes in the loop's state. */
export interface RoundOutcome {
  result: RoundResult;
  cursor: number;
  curriculum: CurriculumState;
  champion: ModelReference | null;
  test: EvaluationRow[];
  validation: EvaluationRow[];
}

/** Feedback events one round takes at most; the rest waits for the next round. */
const FEEDBACK_LIMIT = 5_000;

/** One pass through the nine stages: feedback in, an evaluated model (or the reason for none) out. */
export async function runRound(input: RunRoundInput): Promise<RoundOutcome> {
  const { round, config, settings, state } = input;
  const activities = connectActivities(settings);
  const { store, cpu, gpu } = activities;
  const key: RoundKey = { loop: config.name, round };
  const progress = { round, stage: 'feedback' as Stage, feedbackEvents: 0, labels: 0 };
  setHandler(progressQuery, () => ({ ...progress }));
  const record = (stage: Stage, table: Parameters<typeof store.recordStage>[0]['table'], ref: ArtifactRef) =>
    store.recordStage({ key, stage, table, ref });

  await store.startRound({ key, config, feedbackCursor: state.cursor });
  const answersRef = config.simulatedUsers === undefined ? null : await askSimulatedUsers(activities, input, key);
  const feedback = await store.pendingFeedback({ key, after: state.cursor, limit: FEEDBACK_LIMIT });
  progress.feedbackEvents = feedback.count;
  const before = summarize(state.test);
  const outcome: RoundOutcome = {
    result: {
      round,
      stage: state.curriculum.stage,
      feedbackEvents: feedback.count,
      labels: state.labels,
      trained: false,
      promoted: false,
      reason: 'no new feedback',
      steps: 0,
      loss: null,
      validationLoss: null,
      before,
      after: before,
      model: null,
    },
    cursor: feedback.cursor,
    curriculum: state.curriculum,
    champion: state.champion,
    test: state.test,
    validation: state.validation,
  };
  if (feedback.count === 0) return outcome;
  const { result } = outcome;

  progress.stage = 'reward';
  const rewardsRef = await cpu.scoreRewards({ key, config, feedbackRef: feedback.ref });
  await record('reward', 'rewards', rewardsRef);

  progress.stage = 'curriculum';
  const curriculumRef = await cpu.organizeCurriculum({
    key,
    config,
    feedbackRef: feedback.ref,
    rewardsRef,
    curriculum: state.curriculum,
  });
  await record('curriculum', 'curriculum', curriculumRef);

  progress.stage = 'selection';
  const earlierExamplesRef = await store.earlierExamples({ key });
  const selected = await cpu.selectExamples({
    key,
    config,
    feedbackRef: feedback.ref,
    rewardsRef,
    curriculumRef,
    answersRef,
    earlierExamplesRef,
  });
  progress.labels = selected.labels;
  result.labels += selected.labels;
  await record('selection', 'selections', selected.selectionRef);
  await record('selection', 'rejected', selected.rejectedRef);

  progress.stage = 'augmentation';
  const examplesRef = await cpu.augmentExamples({ key, config, examplesRef: selected.examplesRef });
  await record('augmentation', 'examples', examplesRef);

  progress.stage = 'batching';
  const batches = await cpu.assembleBatches({
    key,
    config,
    examplesRef,
    earlierExamplesRef,
    curriculum: state.curriculum,
  });
  await record('batching', 'batches', batches.batchesRef);
  result.reason = batches.reason;
  if (!batches.ready) return outcome;

  progress.stage = 'tuning';
  const stored = await store.bestParameters({ loop: config.name });
  const parameters = await cpu.chooseParameters({ key, config, stored });

  progress.stage = 'training';
  const plan = await cpu.planTraining({
    key,
    config,
    batchesRef: batches.batchesRef,
    examplesRef,
    earlierExamplesRef,
    parameters,
    champion: state.champion,
  });
  const trained = await executeChild(trainAdapter, {
    workflowId: trainingWorkflowId(config.name, round),
    args: [{ key, config, settings, parameters, ...plan }],
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  });
  const { model, run, logRef } = trained;
  await store.recordTraining({
    key,
    parameters: trained.parameters,
    planRef: plan.planRef,
    run,
    model,
    logRef,
    parent: plan.initialModel?.id ?? null,
  });

  progress.stage = 'tracking';
  const validation = await gpu.evaluateModel({ key, config, model, split: 'validation' });
  const tracked = await cpu.trackRound({
    key,
    config,
    before: state.validation,
    after: validation.rows,
    curriculum: state.curriculum,
    feedbackRef: feedback.ref,
    curriculumRef,
  });
  const test = await gpu.evaluateModel({ key, config, model, split: 'test' });
  await store.recordEvaluations({ key, rows: [...validation.rows, ...test.rows] });
  outcome.curriculum = tracked.curriculum;
  outcome.result = {
    ...result,
    trained: true,
    promoted: tracked.promote,
    reason: tracked.reason,
    steps: run.steps,
    loss: run.trainLoss,
    validationLoss: run.validationLoss,
    after: summarize(test.rows),
    model,
  };
  if (tracked.promote) {
    await store.promoteModel({ key, model, reason: tracked.reason });
    outcome.champion = model;
    outcome.test = test.rows;
    outcome.validation = validation.rows;
  }
  return outcome;
}

/** The simulated users ask, the champion answers, they judge; their feedback goes the way of all feedback. */
async function askSimulatedUsers(
  { store, cpu, gpu }: Activities,
  { config, state }: RunRoundInput,
  key: RoundKey,
): Promise<ArtifactRef> {
  const requestsRef = await cpu.simulateRequests({ key, config });
  const answersRef = await gpu.answerRequests({ key, config, champion: state.champion, requestsRef });
  const feedbackRef = await cpu.simulateFeedback({ key, config, requestsRef, answersRef });
  await store.ingestFeedback({ key, ref: feedbackRef });
  return answersRef;
}

/** The row over all artifact types, in short. */
export function summarize(rows: EvaluationRow[]): ScoreSummary {
  const all = rows.find((row) => row.artifactType === 'all');
  return { score: all?.score ?? 0, successRate: all?.successRate ?? 0, edgeScore: all?.edgeScore ?? 0 };
}
