import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One step: milliseconds on the clock and of processor time (all threads), and what it gave. */
export interface StepTime {
  /** Of a train step: its loss before the update. */
  loss?: number;
  /** Of a generation: the new tokens of each row. */
  tokens?: number[][];
  wall: number;
  cpu: number;
}

/** A process that makes the steps of a workload, one by one, on command. */
export interface Side {
  /** What it says of itself when ready. */
  versions: Record<string, string>;
  step(): Promise<StepTime>;
  /** Ends it; its peak resident memory during the steps, MB. */
  finish(): Promise<number>;
  kill(): void;
}

/** Starts a side. @throws Error with the last of what the process printed when it ends early */
export async function startSide(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Side> {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  let complaints = '';
  child.stderr!.on('data', (chunk: Buffer) => (complaints = `${complaints}${chunk.toString()}`.slice(-2000)));
  child.on('error', (error) => (complaints += error.message));
  child.stdin!.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async <T>(field: string): Promise<T> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ${args[0]} stopped: ${complaints}`);
      // Libraries print lines of their own.
      if (value.startsWith('{"') && field in JSON.parse(value)) return JSON.parse(value) as T;
    }
  };
  const { ready } = await next<{ ready: Record<string, string> }>('ready');
  return {
    versions: ready,
    step() {
      child.stdin!.write('\n');
      return next<StepTime>('wall');
    },
    async finish() {
      child.stdin!.end();
      const { peak } = await next<{ peak: number }>('peak');
      return peak;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
