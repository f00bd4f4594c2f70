import { createGpuActivities } from '../activities/index.js';
import { createEngine } from '../engine/index.js';
import { holdDevice } from './device-lock.js';
import { runWorkerProcess } from './worker-process.js';

/** Runs the engine: training, generation, evaluation. On a stop it cancels its activity at once: training saves first. */
await runWorkerProcess('gpu-worker', async ({ config, dataFolder }) => {
  const device = await holdDevice(dataFolder, config.workers.shutdownGraceSeconds * 1000);
  const engine = createEngine();
  return {
    workers: [
      {
        taskQueue: config.taskQueues.gpu,
        activities: createGpuActivities({ dataFolder, engine }),
        maxConcurrentActivityTaskExecutions: config.workers.gpuSlots,
        shutdownGraceTime: 0,
      },
    ],
    async close() {
      await engine.close();
      device.release();
    },
  };
});
