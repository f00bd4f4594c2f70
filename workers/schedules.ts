import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleOptions } from '@temporalio/client';
import type { RatchetConfig } from '../config/schema.js';
import type { CheckFeedbackInput } from '../workflows/check-feedback.js';

/** A check waits for the round it has asked for; this ends one whose loop was terminated. */
const LONGEST_CHECK = '7 days';

/** Temporal's id of a configured schedule. */
export const scheduleId = (name: string): string => `schedule/${name}`;

/**
 * Makes Temporal's schedules those of the configuration: creates and updates what it names, deletes what it no longer
 * names. Missed checks older than the catch-up window are dropped, and one that falls into a running round is skipped.
 */
export async function syncSchedules(
  client: Client,
  config: Pick<RatchetConfig, 'schedules' | 'taskQueues'>,
): Promise<void> {
  const wanted = new Set(config.schedules.map(({ name }) => scheduleId(name)));
  for await (const { scheduleId: id } of client.schedule.list())
    if (id.startsWith(scheduleId('')) && !wanted.has(id)) await client.schedule.getHandle(id).delete();
  for (const schedule of config.schedules) {
    const options = scheduleOptions(schedule, config.taskQueues.loop);
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

function scheduleOptions(schedule: RatchetConfig['schedules'][number], taskQueue: string): ScheduleOptions {
  const input: CheckFeedbackInput = { loop: schedule.loop, minFeedback: schedule.minFeedback };
  return {
    scheduleId: scheduleId(schedule.name),
    spec: {
      ...(schedule.everySeconds === undefined ? {} : { intervals: [{ every: `${schedule.everySeconds} s` }] }),
      ...(schedule.cron === undefined ? {} : { cronExpressions: [schedule.cron] }),
      ...(schedule.jitterSeconds === 0 ? {} : { jitter: `${schedule.jitterSeconds} s` }),
    },
    action: {
      type: 'startWorkflow',
      workflowType: 'checkFeedback',
      workflowId: `${scheduleId(schedule.name)}/check`,
      taskQueue,
      args: [input],
      workflowExecutionTimeout: LONGEST_CHECK,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: `${schedule.catchUpWindowSeconds} s` },
    state: { paused: schedule.paused },
  };
}
