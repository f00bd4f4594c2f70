import { describe, expect, it } from 'vitest';
import { createScheduleActivities, isQuiet } from '../../../activities/schedule.js';
import type { FeedbackEvent } from '../../../config/domain.js';
import type { Store } from '../../../store/store.js';
import { event, temporaryStore } from '../store/rows.js';

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

  it('W2: counts the minutes that rounds of the last 24 hours have taken, a running one up to now', async () => {
    const store = await temporaryStore();
    await store.startRound('main', 1);
    await store.startRound('other', 1);
    const obstacleAfter = (minutes: number) => {
      const now = () => new Date(Date.now() + minutes * 60_000);
      return createScheduleActivities({ store, now }).findObstacle({ ...conditions, maxGpuMinutesPerDay: 90 });
    };
    expect(await obstacleAfter(89)).toBeNull();
    expect(await obstacleAfter(91)).toBe('91 of at most 90 GPU minutes a day are used');
    // Two days on, a round that still runs has taken the whole day; one that finished is forgotten.
    expect(await obstacleAfter(2 * 1440)).toBe('1440 of at most 90 GPU minutes a day are used');
    await store.finishRound('main', 1, {});
    expect(await obstacleAfter(91)).toBeNull();
  });

  it('W2: a round that was given up takes no more minutes', async () => {
    const store = await temporaryStore();
    const minutesAfter = async (hours: number) => {
      const now = () => new Date(Date.now() + hours * 3600_000);
      const activities = createScheduleActivities({ store, now });
      return await activities.findObstacle({ ...conditions, maxGpuMinutesPerDay: 1 });
    };
    await store.startRound('main', 1);
    expect(await minutesAfter(2)).toBe('120 of at most 1 GPU minutes a day are used');
    await store.supersede('main', { round: 0, begun: 1 }, 'request-1');
    expect(await minutesAfter(2)).toBeNull();
    // A late step of it opens the row again, but not the round.
    await store.startRound('main', 1);
    expect(await minutesAfter(2)).toBeNull();
    await store.startRound('main', 2);
    expect(await minutesAfter(2)).toBe('120 of at most 1 GPU minutes a day are used');
    await store.startRound('main', 3);
    await store.finishRound('main', 3);
    expect(await minutesAfter(2)).toBeNull();
  });

  it('W2: a round that was stopped at once ends there, and runs again from where it is repeated', async () => {
    const store = await temporaryStore();
    const moment = async (sql: string) => Date.parse(String((await store.query(sql))[0]!['moment']));
    const started = () => moment('SELECT started_at AS moment FROM rounds');
    const { findObstacle } = createScheduleActivities({ store, now: () => new Date(Date.now() + 3600_000) });
    const asked = { ...conditions, maxGpuMinutesPerDay: 1 };
    await store.startRound('main', 1);
    await store.recordAudit({ loop: 'main', actor: 'ada', action: 'stop', subject: 'main', details: { now: true } });
    await store.closeAbandonedRounds('main');
    expect(await moment('SELECT finished_at AS moment FROM rounds')).toBe(
      await moment('SELECT recorded_at AS moment FROM audit'),
    );
    expect(await findObstacle(asked)).toBeNull();
    const first = await started();
    await store.startRound('main', 1);
    expect(await started()).toBeGreaterThan(first);
    expect(await findObstacle(asked)).toMatch(/^60 of/);
    await store.finishRound('main', 1);
    const last = await started();
    await store.startRound('main', 1);
    expect(await started()).toBe(last);
    expect(await findObstacle(asked)).toBeNull();
  });

  describe('on a change', () => {
    /** Adds events, scored in turn by what is given. */
    async function add(
      store: Store,
      from: number,
      count: number,
      scores: number[],
      fields: Partial<FeedbackEvent> = {},
    ) {
      const events = Array.from({ length: count }, (_, index) =>
        event(from + index, { ...fields, validation_score: scores[index % scores.length]! }),
      );
      await store.appendFeedback('main', events, 'test');
    }
    /** A store whose cursor lies behind some events with scores 60 and 80. */
    async function storeAfterRound(events: number): Promise<Store> {
      const store = await temporaryStore();
      await add(store, 0, events, [60, 80]);
      await store.startRound('main', 1);
      await store.finishRound('main', 1, { summary: { cursor: events } });
      return store;
    }
    const ask = (store: Store, asked: { minScoreDrop?: number; minDrift?: number }) =>
      createScheduleActivities({ store }).findObstacle({ ...conditions, ...asked });

    it('W2: starts a round when the mean score of new events has fallen far enough', async () => {
      const store = await storeAfterRound(40);
      await add(store, 100, 30, [58, 78]);
      expect(await ask(store, { minScoreDrop: 5 })).toBe('the mean score fell by 2.0 of at least 5 points');
      expect(await ask(store, { minScoreDrop: 2 })).toBeNull();
    });

    it('W2: starts a round when artifact types or scores have shifted', async () => {
      const store = await storeAfterRound(200);
      await add(store, 1000, 200, [60, 80]);
      expect(await ask(store, { minDrift: 0.2 })).toBe('feedback drifted by 0.00 of at least 0.2');
      await add(store, 2000, 200, [60, 80], { artifact_type: 'architecture' });
      expect(await ask(store, { minDrift: 0.2 })).toBeNull();
    });

    it('W2: one of two changes suffices', async () => {
      const store = await storeAfterRound(200);
      await add(store, 1000, 200, [60, 80], { artifact_type: 'architecture' });
      expect(await ask(store, { minScoreDrop: 5, minDrift: 0.2 })).toBeNull();
      expect(await ask(store, { minScoreDrop: 5, minDrift: 20 })).toMatch(
        /^the mean score fell .*; feedback drifted by/,
      );
    });

    it('W2: a few new events say nothing; without earlier ones there is nothing to wait for', async () => {
      const store = await storeAfterRound(200);
      await add(store, 1000, 19, [0]);
      expect(await ask(store, { minScoreDrop: 5 })).toBe('19 new events say nothing about scores');
      expect(await ask(store, { minDrift: 0.2 })).toBe('19 new events say nothing about drift');
      expect(await ask(await storeAfterRound(19), { minScoreDrop: 5 })).toBeNull();
      expect(await ask(await storeAfterRound(99), { minDrift: 0.2 })).toBeNull();
    });
  });
});
