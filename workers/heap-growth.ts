import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import { setFlagsFromString } from 'node:v8';

/** Percent by which the old heap may grow before it is collected, while activities are short. */
const AT_REST = 20;
/** V8's own choice: two to four times. */
const UNBOUND = 0;
const LONG_MILLISECONDS = 1_000;

/**
 * Keeps the memory of a worker level that does small things for weeks. V8 lets the old heap of a small process grow
 * severalfold between two collections: the store worker was a saw of 70 MB over half an hour of small loops. A tight heap
 * costs an import a quarter of its speed, so activities that take longer than a second have V8's own choice.
 */
export function keepHeapSmall(): (context: Context) => ActivityInterceptors {
  const growBy = (percent: number) => setFlagsFromString(`--heap-growing-percent=${percent}`);
  let long = 0;
  growBy(AT_REST);
  return () => ({
    inbound: {
      async execute(input, next) {
        let isLong = false;
        const timer = setTimeout(() => {
          isLong = true;
          if (++long === 1) growBy(UNBOUND);
        }, LONG_MILLISECONDS);
        try {
          return await next(input);
        } finally {
          clearTimeout(timer);
          if (isLong && --long === 0) growBy(AT_REST);
        }
      },
    },
  });
}
