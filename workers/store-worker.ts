import path from 'node:path';
import { createControlActivities } from '../activities/control.js';
import { createStoreActivities } from '../activities/index.js';
import { createScheduleActivities } from '../activities/schedule.js';
import { createTraceActivities } from '../activities/trace.js';
import { Store } from '../store/store.js';
import { runWorkerProcess, workflowCode } from './worker-process.js';

/** The owner of the DuckDB file; it runs the workflows as well, which are small and talk to the store most. */
await runWorkerProcess('store-worker', async ({ config, dataFolder, traced }) => {
  const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'), {
    memoryLimit: `${config.workers.storeMemoryMegabytes}MB`,
  });
  return {
    workers: [
      {
        taskQueue: config.taskQueues.store,
        activities: {
          ...createStoreActivities({ dataFolder, store }),
          ...createScheduleActivities({ store }),
          ...createControlActivities({ store }),
          ...createTraceActivities({ store }),
        },
        maxConcurrentActivityTaskExecutions: config.workers.storeSlots,
      },
      { taskQueue: config.taskQueues.loop, ...workflowCode(traced) },
    ],
    close: () => store.close(),
  };
});
