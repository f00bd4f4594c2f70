import { availableParallelism } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { executionOf, selectDevice } from '../devices/index.js';
import { embedTexts } from '../evaluate/embed-texts.js';
import { evaluateModel } from '../evaluate/evaluate-model.js';
import { createSharedGraphs } from '../generate/compiled-model.js';
import { generateTexts } from '../generate/generate.js';
import { createTrainingGraphs } from '../train/step.js';
import { trainModel, type TrainRuntime } from '../train/train-model.js';
import {
  fromFault,
  toFault,
  type Fault,
  type EngineReply,
  type EngineRequest,
  type EngineResult,
  type EngineWorkerData,
} from './messages.js';

/** The engine's thread: one job at a time, in the order in which they came. */
const port = parentPort!;
const { threads, device } = workerData as EngineWorkerData;
/** Where trainings run, and their graphs, chosen and made with the first: trials of one model differ in numbers, not in graphs. */
let training: Promise<TrainRuntime> | null = null;
const inferenceGraphs = createSharedGraphs();
const controllers = new Map<number, AbortController>();
/** Jobs that wait for their caller's answer. */
const asked = new Map<number, (fault: Fault | null) => void>();
let queue: Promise<void> = Promise.resolve();

const reply = (message: EngineReply): void => port.postMessage(message);

async function run(request: Extract<EngineRequest, { spec: unknown }>, signal: AbortSignal): Promise<EngineResult> {
  const { id } = request;
  signal.throwIfAborted();
  if (request.kind === 'train') {
    const hooks = {
      onStep: (report: Extract<EngineReply, { kind: 'step' }>['report']) => reply({ kind: 'step', id, report }),
      onCheckpoint: (checkpoint: Extract<EngineReply, { kind: 'checkpoint' }>['checkpoint']) =>
        reply({ kind: 'checkpoint', id, checkpoint }),
      onWarning: (warning: Extract<EngineReply, { kind: 'warning' }>['warning']) =>
        reply({ kind: 'warning', id, warning }),
      onValidation: (validation: Extract<EngineReply, { kind: 'validation' }>['validation']) =>
        reply({ kind: 'validation', id, validation }),
      ...(request.guarded && { beforeWrite: () => ask(id) }),
      signal,
    };
    return trainModel(request.spec, hooks, await (training ??= startTraining()));
  }
  const hooks = { onProgress: (done: number, total: number) => reply({ kind: 'progress', id, done, total }), signal };
  const runtime = { graphs: inferenceGraphs, ...(threads !== null && { threads }) };
  if (request.kind === 'evaluate') return evaluateModel(request.spec, hooks, runtime);
  if (request.kind === 'embed') return embedTexts(request.spec, hooks, runtime);
  return generateTexts(request.spec, hooks, runtime);
}

/** Resolves when the caller allows a write; rejects with the caller's reason when not. */
function ask(id: number): Promise<void> {
  return new Promise((resolve, reject) => {
    asked.set(id, (fault) => (fault === null ? resolve() : reject(fromFault(fault))));
    reply({ kind: 'before-write', id });
  });
}

async function startTraining(): Promise<TrainRuntime> {
  const selected = await selectDevice(device);
  return {
    device: selected,
    graphs: createTrainingGraphs({
      threads: threads ?? Math.min(2, availableParallelism()),
      ...executionOf(selected.device),
    }),
  };
}

async function serve(request: Extract<EngineRequest, { spec: unknown }>, signal: AbortSignal): Promise<void> {
  const { id } = request;
  try {
    reply({ kind: 'done', id, value: await run(request, signal) });
  } catch (error) {
    reply({ kind: 'failed', id, aborted: signal.aborted && error === signal.reason, fault: toFault(error) });
  } finally {
    controllers.delete(id);
  }
}

port.on('message', (request: EngineRequest) => {
  if (request.kind === 'abort') controllers.get(request.id)?.abort();
  else if (request.kind === 'answer') asked.get(request.id)?.(request.fault);
  else if (request.kind === 'close') {
    for (const controller of controllers.values()) controller.abort();
    void queue.then(() => port.close());
  } else {
    const controller = new AbortController();
    controllers.set(request.id, controller);
    queue = queue.then(() => serve(request, controller.signal));
  }
});
