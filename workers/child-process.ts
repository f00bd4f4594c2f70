import { fork, type ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { TEMPORAL_VARIABLES } from '../config/layers.js';
import type { RatchetConfig } from '../config/schema.js';
import { KEYS_VARIABLE } from './payload-encryption.js';
import type { WorkerMessage } from './worker-process.js';

export interface SupervisedOptions {
  name: string;
  /** Compiled entry. */
  script: string;
  args: string[];
  restart: RatchetConfig['workers']['restart'];
  graceMilliseconds: number;
  /** What the process prints on stderr (it should print nothing) goes here. */
  errorFile: string;
  onStart(pid: number, restarts: number): void;
  onReady(): void;
  onExit(exit: { code: number | null; signal: NodeJS.Signals | null; restartInMilliseconds: number }): void;
  /** It failed in a way that another start cannot mend, or too often in a row. */
  onGiveUp(reason: FailedMessage): void;
}

/**
 * V8's young generation at one size, in MB a half: between its own bounds, 1 and 16, it gives back and takes again up to
 * 30 MB in each thread, by which a worker's memory says nothing about what it holds.
 */
const YOUNG_GENERATION = ['--min-semi-space-size=8', '--max-semi-space-size=8'];

export type FailedMessage = Omit<Extract<WorkerMessage, { type: 'failed' }>, 'type'>;

/** A worker process that is started again, with growing waits, whenever it dies. */
export class SupervisedProcess {
  pid = 0;
  restarts = 0;
  private child: ChildProcess | null = null;
  private timer: NodeJS.Timeout | undefined;
  private inARow = 0;
  private stopping = false;

  constructor(private readonly options: SupervisedOptions) {}

  get name(): string {
    return this.options.name;
  }

  start(): void {
    const { script, args, restart, errorFile } = this.options;
    const child = fork(script, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // A worker lives long: with glibc's eight arenas a core, each keeps what its threads have freed, for weeks.
      env: { MALLOC_ARENA_MAX: '2', ...withoutOverrides(process.env) },
      execArgv: ['--enable-source-maps', ...YOUNG_GENERATION],
      // A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops its processes in order.
      detached: process.platform !== 'win32',
    });
    const startedAt = performance.now();
    let failure: FailedMessage | null = null;
    let ended = false;
    this.child = child;
    this.pid = child.pid ?? 0;
    child.stderr?.on('data', (chunk: Buffer) => appendQuietly(errorFile, chunk));
    child.on('message', (message: WorkerMessage) => {
      if (message.type === 'ready') this.options.onReady();
      else failure = message;
    });
    const onEnd = (code: number | null, signal: NodeJS.Signals | null) => {
      if (ended) return;
      ended = true;
      this.child = null;
      if (this.stopping) return;
      if (performance.now() - startedAt > restart.resetAfterSeconds * 1000) this.inARow = 0;
      const wait = Math.min(restart.maximumMilliseconds, restart.initialMilliseconds * restart.factor ** this.inARow);
      this.inARow += 1;
      const tooOften = restart.maxRestarts > 0 && this.inARow > restart.maxRestarts;
      if (failure?.retryable === false || tooOften) {
        this.options.onGiveUp(failure ?? died(this.name, code, signal, this.inARow));
        return;
      }
      this.options.onExit({ code, signal, restartInMilliseconds: wait });
      this.timer = setTimeout(() => {
        this.restarts += 1;
        this.start();
      }, wait);
    };
    child.once('exit', onEnd);
    child.once('error', () => onEnd(-1, null));
    this.options.onStart(this.pid, this.restarts);
  }

  /** SIGTERM, and SIGKILL after the grace time. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), this.options.graceMilliseconds + 2_000);
    await exited;
    clearTimeout(timer);
  }

  killNow(): void {
    this.stopping = true;
    clearTimeout(this.timer);
    this.child?.kill('SIGKILL');
  }
}

function appendQuietly(file: string, chunk: Buffer): void {
  try {
    appendFileSync(file, chunk);
  } catch {
    // A full disk loses these lines; the work itself reports the disk.
  }
}

/** What is in no configuration file. */
const SECRETS = ['TEMPORAL_API_KEY', KEYS_VARIABLE];

/** Variables that the resolved configuration holds; Temporal's own file and certificates as text are not among them. */
const isSetting = (name: string) => name.startsWith('RATCHET_') || name in TEMPORAL_VARIABLES;

/** Children read the resolved configuration; variables would be laid over it once more, above the flags. */
function withoutOverrides(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isSetting(name) || SECRETS.includes(name)));
}

function died(name: string, code: number | null, signal: string | null, times: number): FailedMessage {
  return {
    code: 'E_INTERNAL',
    message: `The ${name} died ${times} times in a row, last with ${signal ?? `exit code ${code}`}.`,
    hint: 'Look into its log in the data folder.',
    retryable: false,
  };
}
