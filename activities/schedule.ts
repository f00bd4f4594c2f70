import type { Schedule } from '../config/schedule.js';
import type { Store } from '../store/store.js';

/** What must hold, besides enough feedback, for a scheduled check to start a round. */
export interface RoundConditions extends Pick<Schedule, 'quietHours' | 'maxRoundsPerDay' | 'timeZone'> {
  loop: string;
}

export interface ScheduleActivities {
  /** Why no round may start now, or null when one may. */
  findObstacle(conditions: RoundConditions): Promise<string | null>;
}

/** The clock and the store behind a schedule's conditions. */
export function createScheduleActivities(deps: { store: Store; now?: () => Date }): ScheduleActivities {
  const { store, now = () => new Date() } = deps;
  return {
    async findObstacle({ loop, quietHours, maxRoundsPerDay, timeZone }) {
      if (quietHours !== undefined && isQuiet(quietHours, timeZone, now()))
        return `${quietHours} (${timeZone}) are quiet hours`;
      if (maxRoundsPerDay === undefined) return null;
      const [row] = await store.query(
        'SELECT count(*)::INTEGER AS n FROM rounds WHERE loop = $1 AND round > 0 AND started_at > $2::TIMESTAMPTZ',
        [loop, new Date(now().getTime() - 24 * 3600_000).toISOString()],
      );
      const rounds = Number(row?.['n']);
      return rounds < maxRoundsPerDay ? null : `${rounds} of at most ${maxRoundsPerDay} rounds a day have run`;
    },
  };
}

/** Whether a moment lies in `HH:MM-HH:MM` of a time zone; the end is not part of it and may lie on the next day. */
export function isQuiet(quietHours: string, timeZone: string, moment: Date): boolean {
  const time = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const [clock, start, end] = [time.format(moment), quietHours.slice(0, 5), quietHours.slice(6)];
  return start < end ? clock >= start && clock < end : clock >= start || clock < end;
}
