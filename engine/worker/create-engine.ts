import { Worker } from 'node:worker_threads';
import { RatchetError } from '../../config/errors.js';
import type { DeviceRequest } from '../devices/index.js';
import type { Engine, Evaluation, Generation, TrainHooks, TrainResult } from '../api.js';
import { forbidTelemetry } from '../trace/onnxruntime.js';
import {
  fromFault,
  toFault,
  type EngineReply,
  type EngineRequest,
  type EngineResult,
  type EngineWorkerData,
} from './messages.js';

export interface EngineOptions {
  /**
   * Threads of the numerical kernels; when left out, 2 (or fewer cores) for trainings and every core for all else. Models
   * below 4 million parameters generate and are evaluated on one. Results do not depend on it.
   */
  threads?: number;
  /**
   * Where trainings run; the cpu when left out. Chosen with the first training, which fails when there is no such device.
   * Generation and evaluation run on the cpu.
   */
  device?: DeviceRequest;
}

interface Job {
  signal: AbortSignal | undefined;
  onReply(reply: EngineReply): void;
  resolve(value: EngineResult): void;
  reject(reason: unknown): void;
}

/** From source (tests, tsx) the worker must register the TypeScript loader first; from dist it is plain JavaScript. */
const fromSource = import.meta.url.endsWith('.ts');
const workerUrl = new URL(fromSource ? './engine-worker.ts' : './engine-worker.js', import.meta.url);

function startWorker(data: EngineWorkerData): Worker {
  forbidTelemetry();
  if (!fromSource) return new Worker(workerUrl, { workerData: data });
  const loader = import.meta.resolve('tsx/esm/api');
  const code = `import(${JSON.stringify(loader)})
    .then(({ register }) => { register(); return import(${JSON.stringify(workerUrl.href)}); });`;
  return new Worker(code, { eval: true, workerData: data });
}

/**
 * The engine in a worker thread, started with the first job: the caller's event loop stays free. Jobs run one after the
 * other. A worker that dies fails its jobs with `E_INTERNAL`, and the next job starts a new one.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  const jobs = new Map<number, Job>();
  let worker: Worker | null = null;
  let exited: Promise<void> = Promise.resolve();
  let nextId = 1;
  let closed = false;

  function start(): Worker {
    const started = startWorker({ threads: options.threads ?? null, device: options.device ?? { device: 'cpu' } });
    started.on('message', onReply);
    exited = new Promise((resolve) => {
      let cause: unknown;
      started.on('error', (error) => (cause = error));
      started.on('exit', (code) => {
        if (worker === started) worker = null;
        const why = cause instanceof Error ? cause.message : `exit code ${code}`;
        for (const job of jobs.values())
          job.reject(new RatchetError('E_INTERNAL', `The engine's thread ended (${why}).`, { cause }));
        jobs.clear();
        resolve();
      });
    });
    return started;
  }

  function onReply(reply: EngineReply): void {
    const job = jobs.get(reply.id);
    if (!job) return;
    if (reply.kind !== 'done' && reply.kind !== 'failed') return job.onReply(reply);
    jobs.delete(reply.id);
    if (jobs.size === 0) worker?.unref();
    if (reply.kind === 'done') job.resolve(reply.value);
    else job.reject(reply.aborted ? (job.signal?.reason ?? closedError()) : fromFault(reply.fault));
  }

  async function answer(id: number, beforeWrite: TrainHooks['beforeWrite']): Promise<void> {
    const fault = await Promise.resolve(beforeWrite?.()).then(() => null, toFault);
    if (worker) send(worker, { kind: 'answer', id, fault });
  }

  function submit(
    make: (id: number) => EngineRequest,
    signal: AbortSignal | undefined,
    progress: Job['onReply'],
  ): Promise<EngineResult> {
    if (closed) return Promise.reject(closedError());
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = nextId++;
    const running = (worker ??= start());
    const abort = () => send(running, { kind: 'abort', id });
    return new Promise<EngineResult>((resolve, reject) => {
      jobs.set(id, { signal, onReply: progress, resolve, reject });
      signal?.addEventListener('abort', abort, { once: true });
      running.ref();
      send(running, make(id));
    }).finally(() => signal?.removeEventListener('abort', abort));
  }

  return {
    async train(spec, hooks: TrainHooks = {}) {
      const onProgress = (reply: EngineReply) => {
        if (reply.kind === 'step') hooks.onStep?.(reply.report);
        if (reply.kind === 'checkpoint') hooks.onCheckpoint?.(reply.checkpoint);
        if (reply.kind === 'warning') hooks.onWarning?.(reply.warning);
        if (reply.kind === 'validation') hooks.onValidation?.(reply.validation);
        if (reply.kind === 'before-write') void answer(reply.id, hooks.beforeWrite);
      };
      return (await submit(
        (id) => ({ kind: 'train', id, spec, guarded: hooks.beforeWrite !== undefined }),
        hooks.signal,
        onProgress,
      )) as TrainResult;
    },
    async generate(spec, hooks = {}) {
      const onProgress = (reply: EngineReply) => {
        if (reply.kind === 'progress') hooks.onProgress?.(reply.done, reply.total);
      };
      return (await submit((id) => ({ kind: 'generate', id, spec }), hooks.signal, onProgress)) as Generation[];
    },
    async evaluate(spec, hooks = {}) {
      const onProgress = (reply: EngineReply) => {
        if (reply.kind === 'progress') hooks.onProgress?.(reply.done, reply.total);
      };
      return (await submit((id) => ({ kind: 'evaluate', id, spec }), hooks.signal, onProgress)) as Evaluation;
    },
    async embed(spec, hooks = {}) {
      const onProgress = (reply: EngineReply) => {
        if (reply.kind === 'progress') hooks.onProgress?.(reply.done, reply.total);
      };
      return (await submit((id) => ({ kind: 'embed', id, spec }), hooks.signal, onProgress)) as Float32Array[];
    },
    async close() {
      closed = true;
      worker?.ref();
      if (worker) send(worker, { kind: 'close' });
      await exited;
    },
  };
}

function send(worker: Worker, request: EngineRequest): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  worker.postMessage(request);
}

const closedError = () =>
  new RatchetError('E_INTERNAL', 'The engine was closed.', { hint: 'Create a new engine.', retryable: false });
