import { Worker } from 'node:worker_threads';
import { DEFAULT_FUEL, type Value } from './interpret.js';
import { MAX_SOURCE } from './parse-program.js';

/** An untrusted program and the lists it is run on. */
export interface IsolatedProgram {
  source: string;
  inputs: readonly (readonly number[])[];
}

/** What became of a program: one entry an input, or why it did not run at all. */
export type IsolatedResult = { outputs: ({ value: Value } | { error: string })[] } | { error: string };

export interface IsolationLimits {
  /** Milliseconds that one program may take, all its inputs together; also the time the worker may take to start. */
  timeoutMs?: number;
  /** Heap of the worker in MiB. */
  memoryMb?: number;
  /** Steps of one run. */
  fuel?: number;
}

/** What the worker is given, and what it says after each program. */
export interface IsolatedJob {
  programs: IsolatedProgram[];
  fuel: number;
}
export type IsolatedReport = { ready: true } | { index: number; result: IsolatedResult };

const STARTUP_MS = 20_000;

/**
 * Runs untrusted programs in the fuel-limited interpreter inside a worker thread with a heap limit, which is
 * terminated when a program exceeds its time. One worker serves the whole batch; only a program that kills its worker
 * costs a new one. Results keep the order of the programs.
 */
export async function runIsolated(
  programs: readonly IsolatedProgram[],
  limits: IsolationLimits = {},
): Promise<IsolatedResult[]> {
  const { timeoutMs = 1_000, memoryMb = 64, fuel = DEFAULT_FUEL } = limits;
  const results: IsolatedResult[] = programs.map(() => ({ error: 'not run' }));
  let waiting: number[] = [];
  for (const [index, { source }] of programs.entries()) {
    if (source.length <= MAX_SOURCE) waiting.push(index);
    else results[index] = { error: `limit: source of ${source.length} characters; at most ${MAX_SOURCE} are read` };
  }
  while (waiting.length > 0) {
    const batch = waiting;
    const outcome = await runBatch({ programs: batch.map((index) => programs[index]!), fuel }, timeoutMs, memoryMb);
    for (const [position, result] of outcome.results.entries()) results[batch[position]!] = result;
    const done = outcome.results.length;
    if (done < batch.length) results[batch[done]!] = { error: `limit: ${outcome.failure ?? 'the worker stopped'}` };
    waiting = batch.slice(done + 1);
  }
  return results;
}

/** From source (tests, tsx) the worker must register the TypeScript loader first; from dist it is plain JavaScript. */
const fromSource = import.meta.url.endsWith('.ts');
const workerUrl = fromSource
  ? new URL('./isolated-worker.ts', import.meta.url)
  : new URL('./isolated-worker.js', import.meta.url);

function startWorker(job: IsolatedJob, memoryMb: number): Worker {
  const options = {
    workerData: job,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
  };
  if (!fromSource) return new Worker(workerUrl, { ...options, env: {}, execArgv: [] });
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const code = `import(${loader}).then(({ register }) => { register(); return import(${JSON.stringify(workerUrl.href)}); });`;
  return new Worker(code, { ...options, eval: true });
}

/** Runs programs until all are done or one ends the worker; `results` are those that came back, in order. */
function runBatch(
  job: IsolatedJob,
  timeoutMs: number,
  memoryMb: number,
): Promise<{ results: IsolatedResult[]; failure?: string }> {
  const worker = startWorker(job, memoryMb);
  const results: IsolatedResult[] = [];
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let finished = false;
    const finish = (failure?: string) => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      void worker.terminate().then(() => resolve({ results, failure }));
    };
    const allow = (milliseconds: number, failure: string) => {
      clearTimeout(timer);
      timer = setTimeout(() => finish(failure), milliseconds);
    };
    allow(STARTUP_MS, `the worker did not start in ${STARTUP_MS} ms`);
    worker.on('message', (report: IsolatedReport) => {
      if ('result' in report) results[report.index] = report.result;
      if (results.length === job.programs.length) finish();
      else allow(timeoutMs, `longer than ${timeoutMs} ms`);
    });
    worker.on('error', (error) => finish(error.message));
    worker.on('exit', () => finish('the worker stopped'));
  });
}
