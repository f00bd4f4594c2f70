import { MILLISECONDS_PER_DAY, timeOf } from './score-rewards.js';

/** A wrong clock is believed to be off by more than this … */
const GAP_DAYS = 7;
/** … and to be that of at most one event in so many. */
const ONE_IN = 20;

/**
 * The moment that the ages of a round's events are measured at: the newest event's time. Times that stand alone
 * after all others do not count: one user whose clock is years ahead would make everybody else's feedback worthless, since
 * a reward decays by the day. Depends on the events alone, so that a round that is run again gives the same rewards.
 */
export function ageReference(events: readonly { ts: string }[]): string {
  const times = events.map(({ ts }) => ({ ts, at: timeOf(ts, 'an event') })).sort((a, b) => a.at - b.at);
  let newest = times.length - 1;
  for (let place = newest; place >= times.length - Math.floor(times.length / ONE_IN); place--) {
    if (times[place]!.at - times[place - 1]!.at > GAP_DAYS * MILLISECONDS_PER_DAY) newest = place - 1;
  }
  return times[newest]!.ts;
}
