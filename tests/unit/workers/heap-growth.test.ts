import type { ActivityExecuteInput } from '@temporalio/worker';
import type { Context } from '@temporalio/activity';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { afterAll, describe, expect, it } from 'vitest';
import { keepHeapSmall } from '../../../workers/heap-growth.js';

/** Major collections while 240 MB pass through a window of 24 MB that outlives the young generation. */
async function collectionsDuringChurn(): Promise<number> {
  let majors = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as unknown as { detail: { kind: number } }[])
      if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) majors++;
  });
  observer.observe({ entryTypes: ['gc'] });
  const window: number[][] = [];
  for (let made = 0; made < 3_000; made++) {
    const row: number[] = [];
    for (let index = 0; index < 10_000; index++) row.push(0.5);
    window[made % 300] = row;
    if (made % 100 === 0) await pause(1);
  }
  await pause(50);
  observer.disconnect();
  return majors;
}

describe('keepHeapSmall', () => {
  afterAll(() => setFlagsFromString('--heap-growing-percent=0'));

  it('W3: the old heap is collected often around short activities, and as V8 likes it in long ones', async () => {
    const intercept = keepHeapSmall();
    const run = <T>(work: () => Promise<T>) => {
      const { execute } = intercept({} as Context).inbound!;
      return execute!({ args: [], headers: {} } as ActivityExecuteInput, work) as Promise<T>;
    };
    const before = await collectionsDuringChurn();
    const inLong = await run(async () => {
      await pause(1_100);
      return collectionsDuringChurn();
    });
    const after = await collectionsDuringChurn();
    expect(Math.min(before, after)).toBeGreaterThan(1.5 * inLong);
  });
});
