import {
  ChildWorkflowCancellationType,
  executeChild,
  ParentClosePolicy,
  patched,
  setHandler,
} from '@temporalio/workflow';
import type { RoundKey } from '../activities/interfaces.js';
import type { LoopState, RoundResult, ScoreSummary } from '../activities/loop-state.js';
import type { ArtifactRef, CurriculumState, EvaluationRow, Stage } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { PromotionApproval, type Verdict } from './approve-promotion.js';
import { askEnsemble } from './ask-ensemble.js';
import { completeConfig } from './complete-config.js';
import { trainingWorkflowId } from './identifiers.js';
import { learnPreferences } from './learn-preferences.js';
import { judgeChallenger, measureChampion, watchLiveScores, watchOver, type Champion } from './judge-champion.js';
import { progressQuery, type RoundProgress } from './messages.js';
import { connectActivities, type Activities, type WorkflowSettings } from './proxies.js';
import { trainAdapter } from './train-adapter.js';
import { tuneParameters } from './tune-parameters.js';

export interface RunRoundInput {
  round: number;
  config: LoopConfig;
  settings: WorkflowSettings;
  /** State after the round before this one. */
  state: LoopState;
}

/** A round's result and what it changes in the loop's state. */
export interface RoundOutcome extends Champion, Pick<LoopState, 'cursor' | 'curriculum' | 'fallback'> {
  result: RoundResult;
}

/** Feedback events one round takes at most; the rest waits for the next round. */
const FEEDBACK_LIMIT = 5_000;
/** Evaluations that the curriculum's state keeps. */
const HISTORY_KEPT = 100;

/** One pass through the nine stages: feedback in, an evaluated model (or the reason for none) out. */
export async function runRound(input: RunRoundInput): Promise<RoundOutcome> {
  const { round, settings, state } = input;
  const config = completeConfig(input.config);
  const { components } = config;
  const activities = connectActivities(settings);
  const { store, cpu, gpu } = activities;
  const key: RoundKey = { loop: config.name, round };
  const progress: RoundProgress = { round, stage: 'feedback', feedbackEvents: 0, labels: 0 };
  setHandler(progressQuery, () => ({ ...progress }));
  const approval = new PromotionApproval(progress);
  const record = (stage: Stage, table: Parameters<typeof store.recordStage>[0]['table'], ref: ArtifactRef) =>
    store.recordStage({ key, stage, table, ref });
  /** A component that is off leaves no rows; rounds of version 0.1 left them. */
  const leavesTrace = (isOn: boolean) => isOn || !patched('component-traces');

  await store.startRound({ key, config, feedbackCursor: state.cursor });
  const answersRef = config.simulatedUsers === undefined ? null : await askSimulatedUsers(activities, input, key);
  const feedback = await store.pendingFeedback({ key, after: state.cursor, limit: FEEDBACK_LIMIT });
  progress.feedbackEvents = feedback.count;
  const curriculum = enterCurriculum(state.curriculum, components.curriculum);
  let champion: Champion = championOf(state);
  if (feedback.count > 0) champion = await watchLiveScores(activities, key, config, feedback.ref, champion);
  const before = summarize(champion.test);
  const outcome: RoundOutcome = {
    ...champion,
    result: {
      round,
      stage: curriculum.stage,
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
    curriculum,
    ...(state.fallback !== undefined && { fallback: state.fallback }),
  };
  if (feedback.count === 0) return outcome;
  const { result } = outcome;

  progress.stage = 'reward';
  const embedded = config.embeddings
    ? { embeddingsRef: await gpu.embedFeedback({ key, config, feedbackRef: feedback.ref }) }
    : {};
  const { sourcesRef, distrustedRef, ...rewardsRef } = await cpu.scoreRewards({
    key,
    config,
    feedbackRef: feedback.ref,
    ...embedded,
  });
  await record('reward', 'rewards', rewardsRef);
  if (sourcesRef !== undefined) await record('reward', 'sources', sourcesRef);
  if (distrustedRef !== undefined) await record('reward', 'rejected', distrustedRef);

  progress.stage = 'curriculum';
  const curriculumRef = await cpu.organizeCurriculum({
    key,
    config,
    feedbackRef: feedback.ref,
    rewardsRef,
    curriculum,
  });
  if (leavesTrace(components.curriculum)) await record('curriculum', 'curriculum', curriculumRef);

  progress.stage = 'selection';
  const fallback =
    components.activeLearning && config.selection.fallback ? (state.fallback ?? { gains: [], rounds: 0 }) : undefined;
  const earlierExamplesRef = await store.earlierExamples({ key });
  const votesRef = await askEnsemble(activities, { key, config, feedbackRef: feedback.ref, curriculumRef });
  const selected = await cpu.selectExamples({
    key,
    config,
    feedbackRef: feedback.ref,
    rewardsRef,
    curriculumRef,
    answersRef,
    ...embedded,
    ...(votesRef !== undefined && { votesRef }),
    earlierExamplesRef,
    ...(fallback !== undefined && { fallback }),
  });
  progress.labels = selected.labels;
  result.labels += selected.labels;
  if (leavesTrace(components.activeLearning)) await record('selection', 'selections', selected.selectionRef);
  if (selected.slicesRef !== undefined) await record('selection', 'slices', selected.slicesRef);
  await record('selection', 'rejected', selected.rejectedRef);

  progress.stage = 'augmentation';
  const { rejectedRef, ...examplesRef } = await cpu.augmentExamples({
    key,
    config,
    examplesRef: selected.examplesRef,
    earlierExamplesRef,
  });
  await record('augmentation', 'examples', examplesRef);
  if (rejectedRef !== undefined) await record('augmentation', 'rejected', rejectedRef);

  progress.stage = 'batching';
  const batches = await cpu.assembleBatches({ key, config, examplesRef, earlierExamplesRef, curriculum });
  await record('batching', 'batches', batches.batchesRef);
  result.reason = batches.reason;
  if (!batches.ready) return outcome;

  progress.stage = 'tuning';
  const stored = await store.bestParameters({ loop: config.name });
  let parameters = await cpu.chooseParameters({ key, config, stored });
  const planWith = () =>
    cpu.planTraining({
      key,
      config,
      batchesRef: batches.batchesRef,
      examplesRef,
      earlierExamplesRef,
      parameters,
      champion: champion.champion,
    });
  if (components.tuning) {
    const { planRef, validationRef, initialModel } = await planWith();
    if (validationRef !== null) {
      const tuned = { key, config, settings, planRef, validationRef, initialModel, current: parameters };
      parameters = await tuneParameters(activities, tuned);
    }
  }

  progress.stage = 'training';
  const plan = await planWith();
  const trained = await executeChild(trainAdapter, {
    workflowId: trainingWorkflowId(config.name, round),
    args: [{ key, config, settings, parameters, ...plan }],
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  });
  const { run, logRef } = trained;
  await store.recordTraining({
    key,
    parameters: trained.parameters,
    planRef: plan.planRef,
    run,
    model: trained.model,
    logRef,
    parent: plan.initialModel?.id ?? null,
  });
  let { model } = trained;
  if (components.preferenceLearning) {
    const learned = await learnPreferences(activities, {
      key,
      config,
      settings,
      feedbackRef: feedback.ref,
      rewardsRef,
      examplesRef,
      earlierExamplesRef,
      champion: champion.champion,
      trained,
    });
    ({ model } = learned);
    result.preference = learned.result;
  }

  progress.stage = 'tracking';
  if (components.tracking) champion = await measureChampion(activities, key, config, champion);
  const validation = components.tracking
    ? await gpu.evaluateModel({ key, config, model, split: 'validation' })
    : { rows: [] };
  const challengerScores = validation.scoresRef;
  let verdict: { promote: boolean; reason: string } | undefined;
  if (!components.tracking) verdict = { promote: true, reason: 'without tracking the newest model is used' };
  else if (config.tracking.gate === 'sequential' && challengerScores !== undefined)
    verdict = await judgeChallenger(activities, key, config, { champion, challenger: model, challengerScores });
  const tracked = await cpu.trackRound({
    key,
    config,
    before: champion.validation,
    after: validation.rows,
    ...(verdict !== undefined && { verdict }),
    curriculum,
    feedbackRef: feedback.ref,
    curriculumRef,
  });
  const test = await gpu.evaluateModel({ key, config, model, split: 'test' });
  await store.recordEvaluations({ key, rows: [...validation.rows, ...test.rows] });
  if (fallback !== undefined && selected.slicesRef !== undefined && challengerScores !== undefined) {
    const measured = await cpu.measureYields({
      key,
      config,
      slicesRef: selected.slicesRef,
      examplesRef,
      championRef: champion.validationScores!,
      challengerRef: challengerScores,
      fallback,
    });
    await record('selection', 'yields', measured.yieldsRef);
    await store.recordFallback({ key, row: { ...measured.fallback, mode: measured.mode } });
    outcome.fallback = measured.fallback;
  }
  let { promote, reason }: Verdict = tracked;
  if (promote && config.tracking.approval)
    ({ promote, reason } = await approval.ask(key, config, settings, { model: model.id, reason }));
  Object.assign(outcome, champion, { curriculum: tracked.curriculum });
  outcome.result = {
    ...result,
    trained: true,
    promoted: promote,
    reason,
    steps: run.steps,
    loss: run.trainLoss,
    validationLoss: run.validationLoss,
    after: summarize(test.rows),
    model,
  };
  if (!promote) return outcome;
  await store.promoteModel({ key, model, reason });
  const { validationScores: _scores, watch: _watch, ...kept } = outcome;
  return {
    ...kept,
    champion: model,
    test: test.rows,
    validation: validation.rows,
    ...(challengerScores !== undefined && { validationScores: challengerScores }),
    ...(config.tracking.rollback && { watch: watchOver(champion, feedback.ref) }),
  };
}

/** The part of the state that belongs to the champion. */
function championOf({ champion, test, validation, validationScores, watch }: LoopState): Champion {
  return {
    champion,
    test,
    validation,
    ...(validationScores !== undefined && { validationScores }),
    ...(watch !== undefined && { watch }),
  };
}

/** A curriculum that is switched on later begins where one begins: without it a loop counts as `mixed` from the start. */
function enterCurriculum(state: CurriculumState, isOn: boolean): CurriculumState {
  const neverOn =
    state.stage === 'mixed' &&
    state.history.length < HISTORY_KEPT &&
    state.history.every((entry) => entry.stage === 'mixed');
  return isOn && neverOn ? { ...state, stage: 'easy', streak: 0 } : state;
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
