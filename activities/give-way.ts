import { setImmediate } from 'node:timers/promises';

/** How long the event loop may stand still. */
const SLICE_MILLISECONDS = 100;

/**
 * To be awaited between pieces of reckoning; it gives way to the event loop about every tenth of a second: a worker sends
 * no heartbeats while it reckons, and one that sends none for some seconds counts as lost.
 */
export function givingWay(): () => Promise<void> {
  let started = performance.now();
  return async () => {
    if (performance.now() - started < SLICE_MILLISECONDS) return;
    await setImmediate();
    started = performance.now();
  };
}

/** `items.map(compute)` that gives way to the event loop. */
export async function mapInSlices<Item, Result>(
  items: readonly Item[],
  compute: (item: Item) => Result,
): Promise<Result[]> {
  const giveWay = givingWay();
  const results: Result[] = [];
  for (const item of items) {
    results.push(compute(item));
    await giveWay();
  }
  return results;
}
