import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { planFault, strike, type Fault } from './faults.js';
import { differences, lostEvents, lostSteps, takeFingerprint, type Fingerprint } from './fingerprint.js';
import { SmallRun } from './small-run.js';

/** What came of one disturbed run. */
export interface ChaosResult {
  run: number;
  fault: Fault;
  /** False when the run was over before the fault could strike. */
  struck: boolean;
  /** What differs from the undisturbed run. */
  differences: string[];
  lostEvents: number;
  /** Optimizer steps that had to be done again. */
  lostSteps: number;
  seconds: number;
}

export interface ChaosSummary {
  runs: number;
  identical: number;
  lostEvents: number;
  maxLostSteps: number;
}

export interface ChaosOptions {
  kills: number;
  seed: number;
  /** Keeps the results, one line a run: a plan that was interrupted goes on behind them. */
  folder: string;
  /** Compiled entry of the command line. */
  program: string;
  /** First run of the plan to do now; what was done before counts all the same. */
  from?: number;
  /** Runs at a time; 1 by default. */
  parallel?: number;
  signal?: AbortSignal;
  onReference?(): void;
  onResult?(result: ChaosResult): void;
}

/**
 * Runs the small loop once undisturbed and then once for each fault of the plan, and compares everything that the runs
 * leave behind. The data of a run that differs is kept for whoever looks into it.
 *
 * @throws RatchetError `E_USAGE` when the folder holds the results of another seed; the signal's reason when aborted
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosSummary> {
  const { kills, folder, seed, signal } = options;
  await mkdir(folder, { recursive: true });
  const results = (await readResults(folder, seed)).filter(({ run }) => run <= kills);
  const undisturbed = await reference(options);
  options.onReference?.();
  for (const result of results) options.onResult?.(result);
  const done = new Set(results.map(({ run }) => run));
  const { from = 1 } = options;
  const left = Array.from({ length: kills }, (_, index) => index + 1).filter((run) => run >= from && !done.has(run));
  const lane = async () => {
    for (let run = left.shift(); run !== undefined; run = left.shift()) {
      signal?.throwIfAborted();
      const result = await disturb(run, undisturbed, options);
      await appendFile(resultsFile(folder), `${JSON.stringify(result)}\n`);
      results.push(result);
      options.onResult?.(result);
    }
  };
  const stop = (error: unknown) => {
    left.length = 0;
    throw error;
  };
  const lanes = await Promise.allSettled(Array.from({ length: options.parallel ?? 1 }, () => lane().catch(stop)));
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
  return summarize(results);
}

export function summarize(results: readonly ChaosResult[]): ChaosSummary {
  return {
    runs: results.length,
    identical: results.filter((result) => result.differences.length === 0).length,
    lostEvents: results.reduce((sum, result) => sum + result.lostEvents, 0),
    maxLostSteps: Math.max(0, ...results.map((result) => result.lostSteps)),
  };
}

const resultsFile = (folder: string) => path.join(folder, 'results.jsonl');

/** Results so far; the first line names the seed of the plan. A line that a crash tore is left out. */
async function readResults(folder: string, seed: number): Promise<ChaosResult[]> {
  const text = await readFile(resultsFile(folder), 'utf8').catch(() => '');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const [first = '', ...lines] = whole.split('\n').filter((line) => line !== '');
  if (first !== '' && (JSON.parse(first) as { seed: number }).seed !== seed)
    throw new RatchetError('E_USAGE', `${folder} holds the results of another plan: ${first}.`, {
      hint: 'Give the seed of that plan, or another folder with --data.',
    });
  if (whole !== text || first === '')
    await writeFile(resultsFile(folder), first === '' ? `${JSON.stringify({ seed })}\n` : whole);
  return lines.map((line) => JSON.parse(line) as ChaosResult);
}

async function reference(options: ChaosOptions): Promise<Fingerprint> {
  const file = path.join(options.folder, 'undisturbed.json');
  const known = await readFile(file, 'utf8').catch(() => null);
  if (known !== null) return JSON.parse(known) as Fingerprint;
  const fingerprint = await withRun(options, 'undisturbed', async (run) => ({
    value: await takeFingerprint(run),
    keep: false,
  }));
  await writeFile(`${file}.tmp`, JSON.stringify(fingerprint));
  await rename(`${file}.tmp`, file);
  return fingerprint;
}

async function disturb(number: number, undisturbed: Fingerprint, options: ChaosOptions): Promise<ChaosResult> {
  const fault = planFault(options.seed, number);
  const started = performance.now();
  const movableClock = fault.kind === 'clock';
  const body = async (run: SmallRun) => {
    const struck = await strike(run, fault);
    const found = await takeFingerprint(run).catch((error: unknown) => error as Error);
    const value: ChaosResult = {
      run: number,
      fault,
      struck,
      differences: found instanceof Error ? [found.message] : differences(undisturbed, found),
      lostEvents: found instanceof Error ? undisturbed.events.length : lostEvents(undisturbed, found),
      lostSteps: await lostSteps(run.dataFolder),
      seconds: Math.round((performance.now() - started) / 100) / 10,
    };
    return { value, keep: value.differences.length > 0 };
  };
  return await withRun(options, `run-${number}`, body, movableClock);
}

/** Runs the small loop in a folder of its own; what an interrupted attempt left there goes first. */
async function withRun<T>(
  { folder, program, signal }: ChaosOptions,
  name: string,
  body: (run: SmallRun) => Promise<{ value: T; keep: boolean }>,
  movableClock = false,
): Promise<T> {
  const dataFolder = path.join(folder, name);
  await rm(dataFolder, { recursive: true, force: true, maxRetries: 5 });
  const run = new SmallRun(program, dataFolder, undefined, movableClock);
  const abort = () => void run.end();
  signal?.addEventListener('abort', abort, { once: true });
  let keep = false;
  try {
    const done = await body(run);
    signal?.throwIfAborted();
    keep = done.keep;
    return done.value;
  } finally {
    signal?.removeEventListener('abort', abort);
    await (keep ? run.end() : run.remove());
  }
}
