import { availableParallelism } from 'node:os';
import { createCpuActivities } from '../activities/index.js';
import { runWorkerProcess } from './worker-process.js';

/** Runs the stages that need neither the store nor the engine. */
await runWorkerProcess('cpu-worker', async ({ config, dataFolder }) => ({
  workers: [
    {
      taskQueue: config.taskQueues.cpu,
      activities: createCpuActivities({ dataFolder }),
      maxConcurrentActivityTaskExecutions: config.workers.cpuSlots || availableParallelism(),
    },
  ],
}));
