import { RatchetError } from '../../config/errors.js';
import { OVERLAPS, Schedule } from '../../config/schedule.js';

/** Options of `ratchet schedule create`. */
export interface ScheduleFlags {
  loop?: string;
  every?: string;
  cron?: string;
  timeZone?: string;
  jitter?: string;
  overlap?: string;
  catchUp?: string;
  minFeedback?: number;
  quietHours?: string;
  maxRoundsPerDay?: number;
  maxGpuMinutesPerDay?: string;
  minScoreDrop?: string;
  minDrift?: string;
  paused?: boolean;
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Option of each field of a schedule, for errors. */
const OPTIONS: Record<string, string> = {
  name: 'The name',
  cron: '--cron',
  everySeconds: '--every',
  timeZone: '--time-zone',
  jitterSeconds: '--jitter',
  overlap: '--overlap',
  catchUpWindowSeconds: '--catch-up',
  quietHours: '--quiet-hours',
  maxGpuMinutesPerDay: '--max-gpu-minutes-per-day',
  minScoreDrop: '--min-score-drop',
  minDrift: '--min-drift',
};

/**
 * `30s`, `15m`, `6h` or `1d` in seconds.
 * @throws RatchetError `E_USAGE` naming the option
 */
export function parseDuration(option: string, text: string): number {
  const [, amount, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (amount === undefined)
    throw new RatchetError('E_USAGE', `${option} wants a time such as 30s, 15m, 6h or 1d; got "${text}".`, {
      hint: 'Write a whole number and one of s, m, h, d.',
    });
  return Number(amount) * UNITS[unit as keyof typeof UNITS];
}

/**
 * A moment of `--from` and `--to`.
 * @throws RatchetError `E_USAGE`
 */
export function parseMoment(option: string, text: string): Date {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime()))
    throw new RatchetError('E_USAGE', `${option} wants an ISO 8601 time, got "${text}".`, {
      hint: 'For example 2026-11-21T14:05:00Z.',
    });
  return moment;
}

/**
 * One of Temporal's overlap policies.
 * @throws RatchetError `E_USAGE`
 */
export function parseOverlap(text: string): Schedule['overlap'] {
  const found = OVERLAPS.find((overlap) => overlap === text);
  if (found !== undefined) return found;
  throw new RatchetError('E_USAGE', `--overlap wants one of ${OVERLAPS.join(', ')}; got "${text}".`, {
    hint: 'skip drops a check that falls due while an earlier one runs.',
  });
}

/**
 * The schedule that the options describe, for a loop.
 * @throws RatchetError `E_USAGE` naming the wrong option
 */
export function scheduleRequest(name: string, loop: string, flags: ScheduleFlags): Schedule {
  if ((flags.every === undefined) === (flags.cron === undefined))
    throw new RatchetError('E_USAGE', 'A schedule needs exactly one of --every and --cron.', {
      hint: 'For example --every 6h, or --cron "0 3 * * *" --time-zone Europe/Berlin.',
    });
  const parsed = Schedule.safeParse({
    name,
    loop,
    everySeconds: flags.every === undefined ? undefined : parseDuration('--every', flags.every),
    cron: flags.cron,
    timeZone: flags.timeZone,
    jitterSeconds: flags.jitter === undefined ? undefined : parseDuration('--jitter', flags.jitter),
    overlap: flags.overlap === undefined ? undefined : parseOverlap(flags.overlap),
    catchUpWindowSeconds: flags.catchUp === undefined ? undefined : parseDuration('--catch-up', flags.catchUp),
    minFeedback: flags.minFeedback,
    quietHours: flags.quietHours,
    maxRoundsPerDay: flags.maxRoundsPerDay,
    maxGpuMinutesPerDay: number(flags.maxGpuMinutesPerDay),
    minScoreDrop: number(flags.minScoreDrop),
    minDrift: number(flags.minDrift),
    paused: flags.paused,
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = String(issue!.path[0] ?? 'name');
  throw new RatchetError('E_USAGE', `${OPTIONS[field] ?? field}: ${issue!.message}.`, {
    hint: 'See `ratchet schedule create --help` for examples.',
  });
}

/** NaN, which the schema refuses by name, for what is no number. */
function number(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text.trim() === '' ? Number.NaN : Number(text);
}
