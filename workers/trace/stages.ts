import { STAGES, type Stage } from '../../config/domain.js';
import type { ActivitySpan } from './history.js';

/** One stage of a round on the clock, milliseconds since 1970. */
export interface StageSpan {
  stage: Stage;
  startedAt: number;
  /** Null while it runs. */
  endedAt: number | null;
  /** Activities, and attempts at them: equal where nothing failed. */
  activities: number;
  attempts: number;
  /** The longest that one of its activities lay in its queue before a first attempt began. */
  longestWait: number;
  /** Processes that did its work; the store's are left out unless they are all. */
  workers: string[];
  /** What failed and was tried again, or failed for good: `trainModel: activity Heartbeat timeout`. */
  faults: string[];
}

/** The activities that open a stage; any other belongs to the stage that is open. */
const OPENS: Record<string, Stage> = {
  startRound: 'feedback',
  scoreRewards: 'reward',
  organizeCurriculum: 'curriculum',
  earlierExamples: 'selection',
  augmentExamples: 'augmentation',
  assembleBatches: 'batching',
  bestParameters: 'tuning',
  trainTrial: 'tuning',
  trainModel: 'training',
  recordTraining: 'training',
  evaluateModel: 'tracking',
  trackRound: 'tracking',
};

/** The stages of a round from the activities of its workflow and of those it started. */
export function stageSpans(activities: readonly ActivitySpan[], storeQueue: string): StageSpan[] {
  const ordered = activities.toSorted((a, b) => a.scheduledAt - b.scheduledAt);
  const lastPlan = ordered.findLastIndex(({ name }) => name === 'planTraining');
  const byStage = new Map<Stage, ActivitySpan[]>();
  let open: Stage = 'feedback';
  for (const [index, activity] of ordered.entries()) {
    open = index === lastPlan ? 'training' : (OPENS[activity.name] ?? open);
    byStage.set(open, [...(byStage.get(open) ?? []), activity]);
  }
  return STAGES.flatMap((stage) => {
    const own = byStage.get(stage);
    return own === undefined ? [] : [spanOf(stage, own, storeQueue)];
  });
}

function spanOf(stage: Stage, own: ActivitySpan[], storeQueue: string): StageSpan {
  const running = own.some(({ endedAt }) => endedAt === null);
  const working = own.some(({ queue }) => queue !== storeQueue) ? own.filter(({ queue }) => queue !== storeQueue) : own;
  const waits = own.flatMap(({ scheduledAt, startedAt, attempts }) =>
    startedAt !== null && attempts === 1 ? [startedAt - scheduledAt] : [],
  );
  return {
    stage,
    startedAt: own[0]!.scheduledAt,
    endedAt: running ? null : Math.max(...own.map(({ endedAt }) => endedAt!)),
    activities: own.length,
    attempts: own.reduce((sum, { attempts }) => sum + attempts, 0),
    longestWait: Math.max(0, ...waits),
    workers: [...new Set(working.flatMap(({ worker }) => worker ?? []))],
    faults: own.flatMap(({ name, fault }) => (fault === null ? [] : [`${name}: ${fault}`])),
  };
}
