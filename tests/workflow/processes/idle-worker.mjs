import { runWorkerProcess } from '../../../dist/workers/worker-process.js';

/** A real worker process with one activity that no one calls. */
await runWorkerProcess('idle-worker', async () => ({
  workers: [{ taskQueue: 'idle', activities: { idle: async () => 'idle' } }],
}));
