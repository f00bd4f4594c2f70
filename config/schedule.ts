import { z } from 'zod';

/** What a schedule does with a check that falls due while an earlier one still runs; Temporal's overlap policies. */
export const OVERLAPS = ['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'terminate-other', 'allow-all'] as const;

/** `HH:MM-HH:MM`; the end is not part of it, and one before the start lies on the next day. */
const QUIET_HOURS = /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/;

/** A timed check for new feedback, from `temporal.yaml` or from `ratchet schedule create`. */
export const Schedule = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'must be lower-case letters, digits and hyphens, at most 63' })
      .describe('Name of the schedule; part of its Temporal id.'),
    loop: z.string().default('main').describe('Loop that is checked for enough new feedback.'),
    everySeconds: z.int().min(1).optional().describe('Interval; give this or cron.'),
    cron: z.string().min(1).optional().describe('Cron expression, in timeZone; give this or everySeconds.'),
    timeZone: z
      .string()
      .refine(isTimeZone, { error: 'must be a time zone such as UTC or Europe/Berlin' })
      .default('UTC')
      .describe('Time zone of cron and of quietHours.'),
    jitterSeconds: z.int().min(0).default(0).describe('Random delay of each start, up to this.'),
    overlap: z
      .enum(OVERLAPS)
      .default('skip')
      .describe('What happens to a check that falls due while an earlier one still runs.'),
    catchUpWindowSeconds: z.int().min(10).default(3600).describe('Missed starts older than this are dropped.'),
    minFeedback: z.int().min(1).default(1).describe('New events below which a scheduled start does nothing.'),
    quietHours: z
      .string()
      .regex(QUIET_HOURS, { error: 'must be HH:MM-HH:MM' })
      .refine((text) => text.slice(0, 5) !== text.slice(6), { error: 'must not begin and end at the same time' })
      .optional()
      .describe('Hours, such as 22:00-07:00, in which a check starts no round.'),
    maxRoundsPerDay: z
      .int()
      .min(1)
      .optional()
      .describe('Rounds of the loop in the last 24 hours from which on a check starts none.'),
    maxGpuMinutesPerDay: z
      .number()
      .positive()
      .optional()
      .describe('Minutes taken by rounds of the loop in the last 24 hours from which on a check starts none.'),
    minScoreDrop: z
      .number()
      .positive()
      .max(100)
      .optional()
      .describe('Points by which the mean score of new events must lie below that of earlier ones (or see minDrift).'),
    minDrift: z
      .number()
      .positive()
      .optional()
      .describe(
        'Shift of artifact types or scores, as population stability index, that new events must show; 0.2 is large.',
      ),
    paused: z.boolean().default(false).describe('Keep the schedule but do not fire it.'),
  })
  .refine((schedule) => (schedule.everySeconds === undefined) !== (schedule.cron === undefined), {
    error: 'needs exactly one of everySeconds and cron',
  });
export type Schedule = z.infer<typeof Schedule>;

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
