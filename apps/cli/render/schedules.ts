import type { ScheduleDescription } from '@temporalio/client';
import { requestOf } from '../../../workers/schedules.js';
import { renderTable } from './table.js';
import type { Style } from './style.js';

/** What `ratchet schedule list --json` says of one schedule. */
export function scheduleObject(name: string, description: ScheduleDescription): object {
  const { state, info } = description;
  return {
    event: 'schedule',
    name,
    ...requestOf(description),
    paused: state.paused,
    note: state.note ?? '',
    next: info.nextActionTimes[0]?.toISOString() ?? null,
    last: info.recentActions.at(-1)?.takenAt.toISOString() ?? null,
    taken: info.numActionsTaken,
    skipped: info.numActionsSkippedOverlap,
    missed: info.numActionsMissedCatchupWindow,
    running: info.runningActions.length,
  };
}

/** A table of schedules, the next check of each in UTC. */
export function scheduleLines(schedules: { name: string; description: ScheduleDescription }[], style: Style): string[] {
  const rows = schedules.map(({ name, description }) => {
    const { state, info } = description;
    const asked = requestOf(description);
    const conditions = [
      `${asked?.minFeedback ?? 1} events`,
      asked?.quietHours === undefined ? '' : `not ${asked.quietHours}`,
      asked?.maxRoundsPerDay === undefined ? '' : `≤ ${asked.maxRoundsPerDay} a day`,
      asked?.maxGpuMinutesPerDay === undefined ? '' : `≤ ${asked.maxGpuMinutesPerDay} min a day`,
      asked?.minScoreDrop === undefined ? '' : `score − ${asked.minScoreDrop}`,
      asked?.minDrift === undefined ? '' : `drift ${asked.minDrift}`,
    ];
    return [
      name,
      asked?.loop ?? '',
      asked?.cron ?? `every ${seconds(asked?.everySeconds ?? 0)}`,
      asked?.timeZone ?? '',
      conditions.filter(Boolean).join(', '),
      state.paused ? style.yellow('paused') : moment(info.nextActionTimes[0]),
      moment(info.recentActions.at(-1)?.takenAt),
      `${info.numActionsTaken} / ${info.numActionsSkippedOverlap}`,
    ];
  });
  const headers = ['schedule', 'loop', 'when', 'time zone', 'needs', 'next (UTC)', 'last (UTC)', 'run / skipped'];
  return renderTable(
    headers.map((header) => ({ header })),
    rows,
    style,
  );
}

function moment(time: Date | undefined): string {
  return time === undefined ? '–' : time.toISOString().slice(0, 19).replace('T', ' ');
}

function seconds(count: number): string {
  if (count % 86_400 === 0) return `${count / 86_400}d`;
  if (count % 3600 === 0) return `${count / 3600}h`;
  return count % 60 === 0 ? `${count / 60}m` : `${count}s`;
}
