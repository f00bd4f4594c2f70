import {
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleDescription,
  type ScheduleOptions,
} from '@temporalio/client';
import type { RatchetConfig } from '../config/schema.js';
import type { Schedule } from '../config/schedule.js';
import type { CheckFeedbackInput } from '../workflows/check-feedback.js';

/** A check waits for the round it has asked for; this ends one whose loop was terminated. */
const LONGEST_CHECK = '7 days';
/** Who keeps a schedule: one that a command made is not the configuration's to delete. */
const MADE_BY_COMMAND = 'command';

export const OVERLAP_POLICIES: Record<Schedule['overlap'], ScheduleOverlapPolicy> = {
  skip: ScheduleOverlapPolicy.SKIP,
  'buffer-one': ScheduleOverlapPolicy.BUFFER_ONE,
  'buffer-all': ScheduleOverlapPolicy.BUFFER_ALL,
  'cancel-other': ScheduleOverlapPolicy.CANCEL_OTHER,
  'terminate-other': ScheduleOverlapPolicy.TERMINATE_OTHER,
  'allow-all': ScheduleOverlapPolicy.ALLOW_ALL,
};

/** Fields of a schedule that the store is asked about before a round may start. */
const CONDITIONS = ['quietHours', 'maxRoundsPerDay', 'maxGpuMinutesPerDay', 'minScoreDrop', 'minDrift'] as const;

/** Temporal's id of a schedule. */
export const scheduleId = (name: string): string => `schedule/${name}`;

type Queues = Pick<RatchetConfig['taskQueues'], 'loop' | 'store'>;

/**
 * Makes the schedules that the configuration names what it says: creates and updates them, deletes those it no longer
 * names. Those made by {@link createSchedule} stay. Missed checks older than the catch-up window are dropped.
 */
export async function syncSchedules(
  client: Client,
  config: Pick<RatchetConfig, 'schedules' | 'taskQueues'>,
): Promise<void> {
  const wanted = new Set(config.schedules.map(({ name }) => scheduleId(name)));
  for (const { id, kept } of await listSchedules(client))
    if (!wanted.has(id) && !kept) await client.schedule.getHandle(id).delete();
  for (const schedule of config.schedules) {
    const options = scheduleOptions(schedule, config.taskQueues);
    try {
      await client.schedule.create(options);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule.getHandle(options.scheduleId).update(({ state }) => ({
        ...options,
        state: { ...state, paused: schedule.paused },
      }));
    }
  }
}

/** Creates a schedule that lasts until it is deleted by name. Throws ScheduleAlreadyRunning where there is one of that name. */
export async function createSchedule(client: Client, schedule: Schedule, queues: Queues): Promise<void> {
  await client.schedule.create({ ...scheduleOptions(schedule, queues), memo: { madeBy: MADE_BY_COMMAND } });
}

/** Ids of our schedules, sorted, and whether a command made them. */
export async function listSchedules(client: Client): Promise<{ id: string; kept: boolean }[]> {
  const found: { id: string; kept: boolean }[] = [];
  for await (const { scheduleId: id, memo } of client.schedule.list())
    if (id.startsWith(scheduleId(''))) found.push({ id, kept: memo?.['madeBy'] === MADE_BY_COMMAND });
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The schedule as it was asked for; undefined for one that an older version made. */
export function requestOf({ action }: ScheduleDescription): Schedule | undefined {
  return action.type === 'startWorkflow' ? (action.memo?.['schedule'] as Schedule | undefined) : undefined;
}

function scheduleOptions(schedule: Schedule, queues: Queues): ScheduleOptions {
  const { loop, minFeedback, timeZone } = schedule;
  const conditions = Object.fromEntries(
    CONDITIONS.flatMap((name) => (schedule[name] === undefined ? [] : [[name, schedule[name]]])),
  );
  const input: CheckFeedbackInput = {
    loop,
    minFeedback,
    ...(Object.keys(conditions).length > 0 && { conditions: { ...conditions, loop, timeZone, queue: queues.store } }),
  };
  return {
    scheduleId: scheduleId(schedule.name),
    spec: {
      ...(schedule.everySeconds !== undefined && { intervals: [{ every: `${schedule.everySeconds} s` }] }),
      ...(schedule.cron !== undefined && { cronExpressions: [schedule.cron] }),
      ...(schedule.jitterSeconds > 0 && { jitter: `${schedule.jitterSeconds} s` }),
      timezone: timeZone,
    },
    action: {
      type: 'startWorkflow',
      workflowType: 'checkFeedback',
      workflowId: `${scheduleId(schedule.name)}/check`,
      taskQueue: queues.loop,
      args: [input],
      memo: { schedule },
      workflowExecutionTimeout: LONGEST_CHECK,
    },
    policies: {
      overlap: OVERLAP_POLICIES[schedule.overlap],
      catchupWindow: `${schedule.catchUpWindowSeconds} s`,
    },
    state: { paused: schedule.paused },
  };
}
