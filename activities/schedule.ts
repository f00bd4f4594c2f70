import type { Schedule } from '../config/schedule.js';
import { populationStabilityIndex } from '../learning/feedback/drift.js';
import { NOT_SUPERSEDED } from '../store/stages.js';
import type { Store } from '../store/store.js';

/** What must hold, besides enough feedback, for a scheduled check to start a round. */
export interface RoundConditions extends Pick<
  Schedule,
  'quietHours' | 'maxRoundsPerDay' | 'maxGpuMinutesPerDay' | 'minScoreDrop' | 'minDrift' | 'timeZone'
> {
  loop: string;
}

export interface ScheduleActivities {
  /** Why no round may start now, or null when one may. */
  findObstacle(conditions: RoundConditions): Promise<string | null>;
}

/** New events, and at most as many earlier ones, below which a mean says nothing … */
const FEWEST_FOR_SCORES = 20;
/** … and a distribution over a handful of categories neither. */
const FEWEST_FOR_DRIFT = 100;
/** Events that a change is measured on at most, on each side. */
const MOST = 1_000;

/** The clock and the store behind a schedule's conditions. */
export function createScheduleActivities(deps: { store: Store; now?: () => Date }): ScheduleActivities {
  const { store, now = () => new Date() } = deps;

  /**
   * Rounds that ran in the last 24 hours, and the minutes of those hours in which one did. A round that was begun several
   * times counts from its newest beginning. An open one runs if it is the newest and still counts; any other was left
   * behind, nobody knows when.
   */
  async function roundsOfTheDay(loop: string): Promise<{ rounds: number; minutes: number }> {
    const until = now().toISOString();
    const [row] = await store.query(
      `SELECT count(*) FILTER (started_at > since)::INTEGER AS rounds,
         coalesce(sum(epoch(least(ended_at, until) - greatest(started_at, since))), 0) / 60 AS minutes
       FROM (
         SELECT round, started_at, until, until - INTERVAL 24 HOURS AS since, coalesce(finished_at,
           CASE WHEN round = max(round) OVER () AND ${NOT_SUPERSEDED} THEN until ELSE started_at END) AS ended_at
         FROM rounds, (SELECT $2::TIMESTAMPTZ AS until) WHERE loop = $1
       )
       WHERE round > 0 AND ended_at > since`,
      [loop, until],
    );
    return { rounds: Number(row?.['rounds']), minutes: Number(row?.['minutes']) };
  }

  /** Counts and mean scores of the events behind the loop's cursor and of as many before it, by type and score. */
  async function recentEvents(loop: string): Promise<{ after: Sample; before: Sample }> {
    const rows = await store.query(
      `WITH cursor AS (SELECT coalesce(max((summary->>'cursor')::BIGINT), 0) AS seq FROM rounds
         WHERE loop = $1 AND round NOT IN (SELECT round FROM superseded_rounds WHERE loop = $1)),
       ranked AS (
         SELECT event.seq > cursor.seq AS is_new, artifact_type, validation_score,
           row_number() OVER (PARTITION BY event.seq > cursor.seq ORDER BY event.seq DESC) AS place
         FROM feedback_events event, cursor WHERE loop = $1
       )
       SELECT is_new, artifact_type AS type, least(floor(validation_score / 25), 3)::INTEGER AS band,
         count(*)::INTEGER AS n, sum(validation_score) AS total
       FROM ranked WHERE place <= $2 GROUP BY ALL`,
      [loop, MOST],
    );
    const [after, before] = [new Sample(), new Sample()];
    for (const { is_new, type, band, n, total } of rows)
      (is_new ? after : before).add(String(type), String(band), Number(n), Number(total));
    return { after, before };
  }

  /** Why nothing has changed enough; null when one of the changes asked for is there, or nothing to compare with. */
  async function findNoChange({ loop, minScoreDrop, minDrift }: RoundConditions): Promise<string | null> {
    const { after, before } = await recentEvents(loop);
    const obstacles: string[] = [];
    if (minScoreDrop !== undefined) {
      if (before.events < FEWEST_FOR_SCORES) return null;
      const drop = before.meanScore - after.meanScore;
      if (after.events < FEWEST_FOR_SCORES) obstacles.push(`${after.events} new events say nothing about scores`);
      else if (drop >= minScoreDrop) return null;
      else obstacles.push(`the mean score fell by ${drop.toFixed(1)} of at least ${minScoreDrop} points`);
    }
    if (minDrift !== undefined) {
      if (before.events < FEWEST_FOR_DRIFT) return null;
      const drift = after.driftFrom(before);
      if (after.events < FEWEST_FOR_DRIFT) obstacles.push(`${after.events} new events say nothing about drift`);
      else if (drift >= minDrift) return null;
      else obstacles.push(`feedback drifted by ${drift.toFixed(2)} of at least ${minDrift}`);
    }
    return obstacles.join('; ');
  }

  return {
    async findObstacle(conditions) {
      const { loop, quietHours, maxRoundsPerDay, maxGpuMinutesPerDay, minScoreDrop, minDrift, timeZone } = conditions;
      if (quietHours !== undefined && isQuiet(quietHours, timeZone, now()))
        return `${quietHours} (${timeZone}) are quiet hours`;
      if (maxRoundsPerDay !== undefined || maxGpuMinutesPerDay !== undefined) {
        const { rounds, minutes } = await roundsOfTheDay(loop);
        if (maxRoundsPerDay !== undefined && rounds >= maxRoundsPerDay)
          return `${rounds} of at most ${maxRoundsPerDay} rounds a day have run`;
        if (maxGpuMinutesPerDay !== undefined && minutes >= maxGpuMinutesPerDay)
          return `${Math.floor(minutes)} of at most ${maxGpuMinutesPerDay} GPU minutes a day are used`;
      }
      return minScoreDrop === undefined && minDrift === undefined ? null : await findNoChange(conditions);
    },
  };
}

/** Feedback events, counted. */
class Sample {
  events = 0;
  private total = 0;
  private readonly types = new Map<string, number>();
  private readonly bands = new Map<string, number>();

  add(type: string, band: string, count: number, total: number): void {
    this.events += count;
    this.total += total;
    this.types.set(type, (this.types.get(type) ?? 0) + count);
    this.bands.set(band, (this.bands.get(band) ?? 0) + count);
  }

  get meanScore(): number {
    return this.total / this.events;
  }

  /** The larger of the shifts in artifact types and in quarters of the score. */
  driftFrom(before: Sample): number {
    return Math.max(
      populationStabilityIndex(before.types, this.types),
      populationStabilityIndex(before.bands, this.bands),
    );
  }
}

/** Whether a moment lies in `HH:MM-HH:MM` of a time zone; the end is not part of it and may lie on the next day. */
export function isQuiet(quietHours: string, timeZone: string, moment: Date): boolean {
  const time = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const [clock, start, end] = [time.format(moment), quietHours.slice(0, 5), quietHours.slice(6)];
  return start < end ? clock >= start && clock < end : clock >= start || clock < end;
}
