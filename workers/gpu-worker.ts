import { Runtime } from '@temporalio/worker';
import { createGpuActivities } from '../activities/index.js';
import { createEngine, selectDevice } from '../engine/index.js';
import { GPU_DEVICES } from '../engine/devices/index.js';
import { holdDevice, holdGpu } from './device-lock.js';
import { reportDevice } from './metrics.js';
import { runWorkerProcess } from './worker-process.js';

/** Runs the engine: training, generation, evaluation. On a stop it cancels its activity at once: training saves first. */
await runWorkerProcess('gpu-worker', async ({ config, dataFolder }) => {
  const patience = config.workers.shutdownGraceSeconds * 1000;
  const { gpuWorkers } = config.workers;
  const { lock, device: place } = await holdDevice(dataFolder, patience, gpuWorkers);
  if (gpuWorkers > 1) process.env['CUDA_VISIBLE_DEVICES'] ??= String(place);
  const { device } = await selectDevice({ device: config.workers.device });
  const isGpu = (GPU_DEVICES as readonly string[]).includes(device);
  const gpu = isGpu ? await holdGpu(process.env['CUDA_VISIBLE_DEVICES'] ?? '0', patience) : null;
  if (gpu !== null) reportDevice(Runtime.instance().metricMeter, process.env['CUDA_VISIBLE_DEVICES'] ?? '0');
  const engine = createEngine({ device: { device } });
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
      gpu?.release();
      lock.release();
    },
  };
});
