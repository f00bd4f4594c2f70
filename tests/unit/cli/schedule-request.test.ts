import { describe, expect, it } from 'vitest';
import { parseDuration, parseMoment, scheduleRequest } from '../../../apps/cli/schedule-request.js';

describe('scheduleRequest', () => {
  it('turns options into a schedule', () => {
    expect(
      scheduleRequest('nightly', 'support', {
        cron: '0 3 * * *',
        timeZone: 'Europe/Berlin',
        jitter: '1m',
        overlap: 'buffer-one',
        catchUp: '2h',
        minFeedback: 50,
        quietHours: '22:00-07:00',
        maxRoundsPerDay: 4,
        maxGpuMinutesPerDay: '90',
        minScoreDrop: '2.5',
        minDrift: '0.2',
      }),
    ).toEqual({
      name: 'nightly',
      loop: 'support',
      cron: '0 3 * * *',
      timeZone: 'Europe/Berlin',
      jitterSeconds: 60,
      overlap: 'buffer-one',
      catchUpWindowSeconds: 7200,
      minFeedback: 50,
      quietHours: '22:00-07:00',
      maxRoundsPerDay: 4,
      maxGpuMinutesPerDay: 90,
      minScoreDrop: 2.5,
      minDrift: 0.2,
      paused: false,
    });
  });

  it('leaves the rest at its defaults', () => {
    expect(scheduleRequest('often', 'main', { every: '15m' })).toEqual({
      name: 'often',
      loop: 'main',
      everySeconds: 900,
      timeZone: 'UTC',
      jitterSeconds: 0,
      overlap: 'skip',
      catchUpWindowSeconds: 3600,
      minFeedback: 1,
      paused: false,
    });
  });

  it.each([
    [{}, 'A schedule needs exactly one of --every and --cron.'],
    [{ every: '1h', cron: '@daily' }, 'A schedule needs exactly one of --every and --cron.'],
    [{ every: '1.5h' }, '--every wants a time such as 30s, 15m, 6h or 1d; got "1.5h".'],
    [{ every: '1h', timeZone: 'Berlin' }, '--time-zone: must be a time zone such as UTC or Europe/Berlin.'],
    [{ every: '1h', quietHours: '22-7' }, '--quiet-hours: must be HH:MM-HH:MM.'],
    [{ every: '1h', quietHours: '07:00-07:00' }, '--quiet-hours: must not begin and end at the same time.'],
    [
      { every: '1h', overlap: 'never' },
      '--overlap wants one of skip, buffer-one, buffer-all, cancel-other, terminate-other, allow-all; got "never".',
    ],
    [{ every: '1h', minDrift: 'much' }, '--min-drift: Invalid input: expected number, received NaN.'],
    [{ every: '1h', minScoreDrop: '101' }, '--min-score-drop: Too big: expected number to be <=100.'],
    [{ every: '0s' }, '--every: Too small: expected number to be >=1.'],
  ])('refuses %j', (flags, message) => {
    expect(() => scheduleRequest('x', 'main', flags)).toThrow(expect.objectContaining({ code: 'E_USAGE', message }));
  });

  it('refuses a name that is no part of an id', () => {
    expect(() => scheduleRequest('Every night', 'main', { every: '1h' })).toThrow(/The name: must be lower-case/);
  });
});

describe('times', () => {
  it.each([
    ['30s', 30],
    ['15m', 900],
    ['6h', 21_600],
    ['2d', 172_800],
  ])('%s', (text, seconds) => expect(parseDuration('--every', text)).toBe(seconds));

  it('refuses what is no moment', () => {
    expect(() => parseMoment('--from', 'yesterday')).toThrow('--from wants an ISO 8601 time, got "yesterday".');
  });
});
