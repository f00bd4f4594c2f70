import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { RatchetConfig } from '../../config/schema.js';
import { roundWorkflowId } from '../../workflows/identifiers.js';
import { connectClient } from '../connection.js';
import { readLock, supervisorLockFile, type SupervisorHolder } from '../lock.js';
import { isAlive } from '../process-identity.js';
import { SMALL_LOOP } from './small-loop.js';

/** Last line of `ratchet demo --json`. */
export interface SmallRunSummary {
  baseline: { score: number; successRate: number; edgeScore: number };
  final: { score: number; successRate: number; edgeScore: number };
  labels: number;
  rounds: number;
  seconds: number;
  adapterSha256: string | null;
}

/** Processes of a run that a fault can hit. */
export const WORKERS = ['gpu-worker', 'cpu-worker', 'store-worker'] as const;
export const TARGETS = [...WORKERS, 'server', 'supervisor'] as const;
export type Target = (typeof TARGETS)[number];

interface Launched {
  child: ChildProcess;
  ended: Promise<{ code: number | null; output: string }>;
}

const POLL_MILLISECONDS = 5;

/** A run of the built demo on the small loop, in a data folder of its own. */
export class SmallRun {
  private launched: Launched;
  /** Commands given before the newest one that may still run. */
  private earlier: Launched[] = [];
  private secondWorker: ChildProcess | null = null;

  /**
   * @param program compiled entry of the command line
   * @param config text of a configuration file
   * @param movableClock for {@link shiftClock}
   */
  constructor(
    private readonly program: string,
    readonly dataFolder: string,
    config = JSON.stringify(SMALL_LOOP),
    private readonly movableClock = false,
  ) {
    mkdirSync(dataFolder, { recursive: true });
    writeFileSync(this.configFile, config);
    this.launched = this.launch();
  }

  /** Gives the command again, as its user would after a crash, or by mistake while it runs. */
  again(): true {
    this.earlier.push(this.launched);
    this.launched = this.launch();
    return true;
  }

  /** Moves the clock of every process of ours; the run must have been made with `movableClock`. */
  shiftClock(milliseconds: number): true {
    writeFileSync(this.clockFile, String(milliseconds));
    return true;
  }

  /** Starts a gpu worker that nobody supervises beside the one that holds the device; false while nothing is up. */
  startSecondWorker(): boolean {
    const holder = readLock<SupervisorHolder>(supervisorLockFile(this.dataFolder));
    if (!holder?.address) return false;
    const config = path.join(this.dataFolder, 'run/config.json');
    const args = [
      this.compiled('workers/gpu-worker.js'),
      '--data',
      this.dataFolder,
      '--address',
      holder.address,
      '--config',
      config,
    ];
    this.secondWorker = spawn(process.execPath, args, { stdio: 'ignore' });
    return true;
  }

  /** Process ids of a target that live right now; none while it is being restarted. */
  processes(target: Target): number[] {
    if (target === 'supervisor') return [this.launched.child.pid!];
    const holder = readLock<SupervisorHolder>(supervisorLockFile(this.dataFolder));
    if (target === 'server')
      return holder?.server && isAlive(holder.server.pid, holder.server.start) ? [holder.server.pid] : [];
    return (holder?.processes ?? []).filter(({ name }) => name === target).map(({ pid }) => pid);
  }

  /**
   * Resolves to true when a file whose path contains one of the parts is there, or the round has ended that one of them
   * names (`round-1 closes`); to false when the run ends first.
   */
  async reaches(...parts: string[]): Promise<boolean> {
    let over = false;
    void this.launched.ended.then(() => (over = true));
    const round = /^round-(\d+) closes$/.exec(parts[0]!)?.[1];
    if (round !== undefined) return (await this.reaches(`round-${round}/`)) && (await this.roundCloses(Number(round)));
    for (;;) {
      const [loops, own] = await Promise.all([
        readdir(path.join(this.dataFolder, 'loops'), { recursive: true }).catch(() => []),
        readdir(this.dataFolder),
      ]);
      if ([...loops, ...own].some((file) => parts.some((part) => file.includes(part)))) return true;
      if (over) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    }
  }

  private async roundCloses(round: number): Promise<boolean> {
    const { address } = readLock<SupervisorHolder>(supervisorLockFile(this.dataFolder)) ?? { address: '' };
    const client = await connectClient(RatchetConfig.parse({}), address);
    try {
      await client.workflow.getHandle(roundWorkflowId(SMALL_LOOP.loop.name, round)).result();
      return true;
    } catch {
      return false;
    } finally {
      await client.connection.close();
    }
  }

  /** The exit code, once the command has ended. */
  async gone(): Promise<number | null> {
    return (await this.launched.ended).code;
  }

  /** The summary of a run that ended well; throws with its output otherwise. */
  async summary(): Promise<SmallRunSummary> {
    const { code, output } = await this.launched.ended;
    await Promise.all(this.earlier.map(({ ended }) => ended));
    this.secondWorker?.kill('SIGKILL');
    if (code !== 0) throw new Error(`The run in ${this.dataFolder} ended with exit code ${code}:\n${output}`);
    return JSON.parse(output.trim().split('\n').at(-1)!) as SmallRunSummary;
  }

  /** Ends every process that is left. */
  async end(): Promise<void> {
    const left = TARGETS.filter((target) => target !== 'supervisor').flatMap((target) => this.processes(target));
    for (const { child, ended } of [...this.earlier, this.launched]) {
      child.kill('SIGKILL');
      await ended;
    }
    this.secondWorker?.kill('SIGKILL');
    for (const pid of [...left, ...this.processes('server')]) signal(pid, 'SIGKILL');
  }

  async remove(): Promise<void> {
    await this.end();
    await rm(this.dataFolder, { recursive: true, force: true, maxRetries: 5 });
  }

  private get configFile(): string {
    return path.join(this.dataFolder, 'small-loop.yaml');
  }

  private get clockFile(): string {
    return path.join(this.dataFolder, 'clock-shift');
  }

  private compiled(module: string): string {
    return path.resolve(path.dirname(this.program), '../..', module);
  }

  private launch(): Launched {
    const args = [this.program, 'demo', '--json', '--data', this.dataFolder, '--config', this.configFile];
    const { TEMPORAL_ADDRESS: _address, ...env } = process.env;
    if (this.movableClock) {
      const clock = this.compiled('workers/chaos/shifted-clock.js');
      Object.assign(env, { NODE_OPTIONS: `--import ${clock}`, CHAOS_CLOCK_FILE: this.clockFile });
    }
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, output }));
    });
    return { child, ended };
  }
}

/** Sends a signal to a process that may have ended meanwhile; false when it had. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
