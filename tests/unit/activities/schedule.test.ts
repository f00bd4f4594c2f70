import { describe, expect, it } from 'vitest';
import { createScheduleActivities, isQuiet } from '../../../activities/schedule.js';
import { temporaryStore } from '../store/rows.js';

describe('isQuiet', () => {
  it.each([
    ['22:00-07:00', 'UTC', '2026-11-21T21:59:59Z', false],
    ['22:00-07:00', 'UTC', '2026-11-21T22:00:00Z', true],
    ['22:00-07:00', 'UTC', '2026-11-21T00:30:00Z', true],
    ['22:00-07:00', 'UTC', '2026-11-21T07:00:00Z', false],
    ['12:30-13:15', 'UTC', '2026-11-21T13:14:59Z', true],
    ['12:30-13:15', 'UTC', '2026-11-21T13:15:00Z', false],
    // 22:30 in Berlin, in winter and in summer.
    ['22:00-07:00', 'Europe/Berlin', '2026-11-21T21:30:00Z', true],
    ['22:00-07:00', 'Europe/Berlin', '2026-07-21T20:30:00Z', true],
    ['22:00-07:00', 'Europe/Berlin', '2026-11-21T20:30:00Z', false],
  ])('%s %s at %s: %s', (hours, zone, moment, expected) => {
    expect(isQuiet(hours, zone, new Date(moment))).toBe(expected);
  });
});

describe('findObstacle', () => {
  const conditions = { loop: 'main', timeZone: 'UTC' };

  it('names quiet hours', async () => {
    const { findObstacle } = createScheduleActivities({
      store: await temporaryStore(),
      now: () => new Date('2026-11-21T23:00:00Z'),
    });
    expect(await findObstacle({ ...conditions, quietHours: '22:00-07:00' })).toBe('22:00-07:00 (UTC) are quiet hours');
    expect(await findObstacle({ ...conditions, quietHours: '01:00-07:00' })).toBeNull();
  });

  it("counts a loop's rounds of the last 24 hours, not the baseline and not another loop's", async () => {
    const store = await temporaryStore();
    await store.startRound('main', 0);
    await store.startRound('main', 1);
    await store.startRound('other', 1);
    const { findObstacle } = createScheduleActivities({ store });
    expect(await findObstacle({ ...conditions, maxRoundsPerDay: 2 })).toBeNull();
    await store.startRound('main', 2);
    expect(await findObstacle({ ...conditions, maxRoundsPerDay: 2 })).toBe('2 of at most 2 rounds a day have run');
    const tomorrow = new Date(Date.now() + 25 * 3600_000);
    const later = createScheduleActivities({ store, now: () => tomorrow });
    expect(await later.findObstacle({ ...conditions, maxRoundsPerDay: 2 })).toBeNull();
  });
});
