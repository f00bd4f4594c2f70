import { setImmediate } from 'node:timers/promises';

/** How long the event loop may stand still. */
const SLICE_MILLISECONDS = 100;

/**
 * `items.map(compute)` that gives way to the event loop about every tenth of a second: a worker sends no heartbeats while
 * it reckons, and one that sends none for some seconds counts as lost.
 */
export async function mapInSlices<Item, Result>(
  items: readonly Item[],
  compute: (item: Item) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  let started = performance.now();
  for (const item of items) {
    results.push(compute(item));
    if (performance.now() - started < SLICE_MILLISECONDS) continue;
    await setImmediate();
    started = performance.now();
  }
  return results;
}
