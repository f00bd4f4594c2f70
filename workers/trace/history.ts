import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';

/** One activity of a workflow as Temporal's history tells it; times in milliseconds since 1970. */
export interface ActivitySpan {
  workflowId: string;
  name: string;
  queue: string;
  scheduledAt: number;
  /** When its last attempt started; null while none has. */
  startedAt: number | null;
  /** Null while it runs. */
  endedAt: number | null;
  attempts: number;
  /** Process that ran the last attempt, such as `gpu-worker@4711`. */
  worker: string | null;
  outcome: 'running' | 'completed' | 'failed' | 'timed out' | 'cancelled';
  /** Why the attempt before the last one, or the whole activity, failed. */
  fault: string | null;
}

/** One run of a workflow. */
export interface WorkflowSpan {
  workflowId: string;
  runId: string;
  status: string;
  startedAt: number;
  endedAt: number | null;
  activities: ActivitySpan[];
  /** Ids of the workflows it started. */
  children: string[];
  /** Workflow tasks that failed or were lost, which happens when a worker is killed. */
  lostWorkflowTasks: number;
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];
type Failure = NonNullable<NonNullable<HistoryEvent['activityTaskFailedEventAttributes']>['failure']>;

/** Milliseconds of a protocol timestamp. */
function milliseconds(time: HistoryEvent['eventTime']): number {
  return Number(time?.seconds?.toString() ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
}

/** What a failure says, and at its root. */
function describe(failure: Failure | null | undefined): string | null {
  if (failure == null) return null;
  const own = failure.message ?? '';
  const root = describe(failure.cause);
  return root === null || root === own ? own : `${own}: ${root}`;
}

/** Reads a workflow's run out of its history; what still runs is completed from its description. */
export function readSpan(description: WorkflowExecutionDescription, { events }: History): WorkflowSpan {
  const { workflowId, runId } = description;
  const span: WorkflowSpan = {
    workflowId,
    runId,
    status: description.status.name.toLowerCase().replaceAll('_', ' '),
    startedAt: description.startTime.getTime(),
    endedAt: null,
    activities: [],
    children: [],
    lostWorkflowTasks: 0,
  };
  const scheduled = new Map<string, ActivitySpan>();
  const byActivityId = new Map<string, ActivitySpan>();
  for (const event of events ?? []) {
    const at = milliseconds(event.eventTime);
    if (event.workflowExecutionStartedEventAttributes != null) span.startedAt = at;
    if (event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId != null)
      span.children.push(event.startChildWorkflowExecutionInitiatedEventAttributes.workflowId);
    if (event.workflowTaskFailedEventAttributes != null || event.workflowTaskTimedOutEventAttributes != null)
      span.lostWorkflowTasks += 1;
    if (isEnd(event)) span.endedAt = at;
    const begun = event.activityTaskScheduledEventAttributes;
    if (begun != null) {
      const activity: ActivitySpan = {
        workflowId,
        name: begun.activityType?.name ?? '',
        queue: begun.taskQueue?.name ?? '',
        scheduledAt: at,
        startedAt: null,
        endedAt: null,
        attempts: 0,
        worker: null,
        outcome: 'running',
        fault: null,
      };
      span.activities.push(activity);
      scheduled.set(String(event.eventId), activity);
      byActivityId.set(begun.activityId ?? '', activity);
    }
    const started = event.activityTaskStartedEventAttributes;
    const known = started && scheduled.get(String(started.scheduledEventId));
    if (started != null && known != null)
      Object.assign(known, {
        startedAt: at,
        attempts: started.attempt ?? 1,
        worker: started.identity || null,
        fault: describe(started.lastFailure),
      });
    end(event, at, scheduled);
  }
  for (const pending of description.raw.pendingActivities ?? []) {
    const activity = byActivityId.get(pending.activityId ?? '');
    if (activity === undefined) continue;
    activity.attempts = pending.attempt ?? 1;
    activity.startedAt = pending.lastStartedTime == null ? null : milliseconds(pending.lastStartedTime);
    activity.worker = pending.lastWorkerIdentity || null;
    activity.fault = describe(pending.lastFailure);
  }
  return span;
}

function end(event: HistoryEvent, at: number, scheduled: Map<string, ActivitySpan>): void {
  const ends = [
    ['completed', event.activityTaskCompletedEventAttributes, null],
    ['failed', event.activityTaskFailedEventAttributes, event.activityTaskFailedEventAttributes?.failure],
    ['timed out', event.activityTaskTimedOutEventAttributes, event.activityTaskTimedOutEventAttributes?.failure],
    ['cancelled', event.activityTaskCanceledEventAttributes, null],
  ] as const;
  for (const [outcome, attributes, failure] of ends) {
    const activity = attributes == null ? undefined : scheduled.get(String(attributes.scheduledEventId));
    if (activity === undefined) continue;
    activity.outcome = outcome;
    activity.endedAt = at;
    activity.fault = describe(failure) ?? activity.fault;
  }
}

function isEnd(event: HistoryEvent): boolean {
  return [
    event.workflowExecutionCompletedEventAttributes,
    event.workflowExecutionFailedEventAttributes,
    event.workflowExecutionTimedOutEventAttributes,
    event.workflowExecutionCanceledEventAttributes,
    event.workflowExecutionTerminatedEventAttributes,
    event.workflowExecutionContinuedAsNewEventAttributes,
  ].some((attributes) => attributes != null);
}
