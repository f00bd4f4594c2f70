import { describe, expect, it } from 'vitest';
import { judgeSoak, type Sample } from '../../../bench/soak/drift.js';

/** Forty looks, one a minute, of a process whose memory, files and pid follow the given rules. */
function samples(rule: (minute: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 40 }, (_, index) => ({
    minutes: index + 1,
    name: 'gpu-worker',
    pid: 1,
    // Swings of 5 % that lead nowhere.
    rss: 1e8 + 5e6 * (index % 2),
    openFiles: 30,
    ...rule(index + 1),
  }));
}
const loops = (history: (minute: number) => number) =>
  Array.from({ length: 40 }, (_, index) => ({ minutes: index + 1, seconds: 5, historyLength: history(index + 1) }));

describe('judgeSoak', () => {
  it('passes a process whose memory swings but leads nowhere, and one that grew in its warm-up', () => {
    expect(
      judgeSoak(
        samples(() => ({})),
        loops(() => 200),
      ).faults,
    ).toEqual([]);
    const warm = samples((minute) => ({ rss: minute < 10 ? minute * 1e7 : 1e8 }));
    expect(
      judgeSoak(
        warm,
        loops(() => 200),
      ).faults,
    ).toEqual([]);
  });

  it('names memory that drifts, files and histories that grow, and a process that died', () => {
    const growing = samples((minute) => ({ rss: 1e8 + minute * 1.5e5, openFiles: 30 + Math.floor(minute / 10) }));
    expect(
      judgeSoak(
        growing,
        loops((minute) => 200 + minute),
      ).faults,
    ).toEqual([
      expect.stringMatching(/^the memory of gpu-worker drifts by 2\.\d %$/),
      expect.stringMatching(/^gpu-worker opens \d\.\d more files$/),
      'histories grow by 20.0 events',
    ]);
    expect(
      judgeSoak(
        samples((minute) => ({ pid: minute > 30 ? 2 : 1 })),
        loops(() => 200),
      ).faults,
    ).toEqual(['gpu-worker was started again']);
  });

  it('does not pass a soak that is too short to say anything', () => {
    expect(judgeSoak(samples(() => ({})).slice(0, 1), loops(() => 200).slice(0, 1)).faults).not.toEqual([]);
  });
});
