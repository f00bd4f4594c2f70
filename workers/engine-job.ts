import { isRatchetError } from '../config/errors.js';
import { systemFault } from '../config/system-fault.js';
import { runEvaluateJob } from './jobs/evaluate-job.js';
import { runForkJob } from './jobs/fork-job.js';
import { runGenerateJob } from './jobs/generate-job.js';
import { runMergeJob } from './jobs/merge-job.js';
import type { EngineJob, JobContext, JobReply, JobRequest } from './jobs/messages.js';
import { runTrainJob } from './jobs/train-job.js';

/**
 * Process of one engine job of a command (`run-engine-job.ts` forks it): what the engine needs in memory, and what may go
 * wrong in native code, stays out of the command's own process. It ends with the command.
 */
const stop = new AbortController();
const reply = (message: JobReply): void => void process.send?.(message);

async function run(job: EngineJob): Promise<void> {
  const context: JobContext = { emit: (event) => reply({ kind: 'event', event }), signal: stop.signal };
  try {
    stop.signal.throwIfAborted();
    reply({ kind: 'done', result: await runJob(job, context) });
  } catch (error) {
    if (stop.signal.aborted && error === stop.signal.reason) reply({ kind: 'stopped' });
    else reply(failure(error));
  }
  process.disconnect();
}

function runJob(job: EngineJob, context: JobContext) {
  switch (job.kind) {
    case 'train':
      return runTrainJob(job, context);
    case 'fork':
      return runForkJob(job, context);
    case 'generate':
      return runGenerateJob(job, context);
    case 'evaluate':
      return runEvaluateJob(job, context);
    case 'merge':
      return runMergeJob(job, context);
  }
}

function failure(error: unknown): JobReply {
  const known = isRatchetError(error) ? error : systemFault(error);
  return {
    kind: 'failed',
    code: known?.code ?? 'E_INTERNAL',
    message: known?.message ?? (error instanceof Error ? error.message : String(error)),
    hint: known?.hint ?? null,
    stack: error instanceof Error ? (error.stack ?? null) : null,
  };
}

// Ctrl-C reaches this process as well: the command decides when it stops.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
process.once('disconnect', () => process.exit(0));
process.on('message', (request: JobRequest) => {
  if (request.kind === 'stop') stop.abort();
  else void run(request.job);
});
