import { describe, expect, it } from 'vitest';
import type { ActivitySpan, WorkflowSpan } from '../../../workers/trace/history.js';
import { stageSpans } from '../../../workers/trace/stages.js';
import { divideTime, sumShares } from '../../../workers/trace/time-shares.js';

const QUEUES = { store: 'store', cpu: 'cpu', gpu: 'gpu' };

const run = (changes: Partial<WorkflowSpan> = {}): WorkflowSpan => ({
  workflowId: 'loop/demo/round-1',
  runId: 'r',
  status: 'completed',
  startedAt: 1000,
  endedAt: 2000,
  activities: [],
  children: [],
  lostWorkflowTasks: 0,
  ...changes,
});

function activity(
  name: string,
  queue: string,
  scheduledAt: number,
  startedAt: number | null,
  endedAt: number | null,
): ActivitySpan {
  const outcome = endedAt === null ? 'running' : 'completed';
  const attempts = startedAt === null ? 0 : 1;
  const worker = `${queue}-worker@1`;
  return { workflowId: 'w', name, queue, scheduledAt, startedAt, endedAt, attempts, worker, outcome, fault: null };
}

describe('divideTime', () => {
  it('W1: gives each moment to one kind, the device first, and what is left to orchestration', () => {
    const activities = [
      activity('startRound', 'store', 1000, 1010, 1030),
      activity('scoreRewards', 'cpu', 1040, 1050, 1150),
      activity('trainModel', 'gpu', 1100, 1120, 1900),
      activity('recordTraining', 'store', 1880, 1880, 1950),
    ];
    expect(divideTime(run(), activities, QUEUES, 0)).toEqual({
      gpu: 780,
      cpu: 70,
      store: 70,
      retries: 0,
      orchestration: 80,
    });
  });

  it('W1: the time before a later attempt is lost to retries, except where other work goes on', () => {
    const again = { ...activity('trainModel', 'gpu', 1000, 1600, 2000), attempts: 2 };
    expect(divideTime(run(), [again, activity('scoreRewards', 'cpu', 1100, 1100, 1200)], QUEUES, 0)).toEqual({
      gpu: 400,
      cpu: 100,
      store: 0,
      retries: 500,
      orchestration: 0,
    });
  });

  it('W1: of a run that goes on it divides what has passed', () => {
    const shares = divideTime(run({ endedAt: null }), [activity('trainModel', 'gpu', 1100, 1200, null)], QUEUES, 1500);
    expect(shares).toEqual({ gpu: 300, cpu: 0, store: 0, retries: 0, orchestration: 200 });
    expect(sumShares([shares, shares]).gpu).toBe(600);
  });
});

describe('stageSpans', () => {
  it('W1: puts each activity into the stage that is open, and names waits, retries and workers', () => {
    const lost = { ...activity('trainModel', 'gpu', 700, 900, 1000), attempts: 2, fault: 'activity Heartbeat timeout' };
    const spans = stageSpans(
      [
        activity('startRound', 'store', 0, 5, 10),
        activity('answerRequests', 'gpu', 10, 30, 100),
        activity('scoreRewards', 'cpu', 100, 101, 110),
        activity('recordStage', 'store', 110, 112, 115),
        activity('chooseParameters', 'cpu', 115, 116, 117),
        activity('bestParameters', 'store', 114, 114, 115),
        activity('planTraining', 'cpu', 120, 121, 130),
        activity('openStudy', 'store', 130, 131, 132),
        activity('planTraining', 'cpu', 690, 691, 700),
        lost,
        activity('evaluateModel', 'gpu', 1001, 1002, null),
      ],
      'store',
    );
    expect(spans.map(({ stage, activities, attempts }) => [stage, activities, attempts])).toEqual([
      ['feedback', 2, 2],
      ['reward', 2, 2],
      ['tuning', 4, 4],
      ['training', 2, 3],
      ['tracking', 1, 1],
    ]);
    expect(spans[0]).toMatchObject({
      startedAt: 0,
      endedAt: 100,
      longestWait: 20,
      workers: ['gpu-worker@1'],
      faults: [],
    });
    expect(spans[3]!.faults).toEqual(['trainModel: activity Heartbeat timeout']);
    expect(spans[4]!.endedAt).toBeNull();
  });
});
