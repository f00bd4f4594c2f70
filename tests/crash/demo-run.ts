import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Last line of `ratchet demo --json`. */
export interface DemoSummary {
  baseline: { score: number; successRate: number; edgeScore: number };
  final: { score: number; successRate: number; edgeScore: number };
  labels: number;
  rounds: number;
  seconds: number;
  adapterSha256: string | null;
}

/** A run of the built demo on the small loop, in a data folder of its own. */
export class DemoRun {
  private constructor(
    readonly dataFolder: string,
    private readonly configFile: string,
    private child: ChildProcess,
    private ended: Promise<{ code: number | null; output: string }>,
  ) {}

  static async start(configFile = 'small-loop.yaml'): Promise<DemoRun> {
    const dataFolder = await mkdtemp(path.join(tmpdir(), 'ratchet-crash-'));
    const { child, ended } = launch(dataFolder, configFile);
    return new DemoRun(dataFolder, configFile, child, ended);
  }

  /** Types the command again, without `--fresh`. */
  again(): void {
    ({ child: this.child, ended: this.ended } = launch(this.dataFolder, this.configFile));
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Resolves when a file whose path contains `part` is in the data folder; rejects when the demo ends first. */
  async waitForFile(part: string): Promise<void> {
    let over: { code: number | null; output: string } | undefined;
    void this.ended.then((end) => (over = end));
    for (;;) {
      const files = await readdir(this.dataFolder, { recursive: true }).catch(() => []);
      if (files.some((file) => file.includes(part))) return;
      if (over) throw new Error(`The demo ended (exit ${over.code}) before ${part} was there:\n${over.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Resolves when the process is gone. */
  async gone(): Promise<number | null> {
    return (await this.ended).code;
  }

  /** The summary of a run that ended well. */
  async summary(): Promise<DemoSummary> {
    const { code, output } = await this.ended;
    if (code !== 0) throw new Error(`The demo ended with exit code ${code}:\n${output}`);
    return JSON.parse(output.trim().split('\n').at(-1)!) as DemoSummary;
  }

  /** Process ids of this data folder's processes whose command line contains `part`. */
  async processes(part: string): Promise<number[]> {
    const found: number[] = [];
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
      if (command.includes(this.dataFolder) && command.includes(part)) found.push(Number(entry));
    }
    return found;
  }

  async remove(): Promise<void> {
    this.child.kill('SIGKILL');
    for (const pid of await this.processes('')) process.kill(pid, 'SIGKILL');
    await rm(this.dataFolder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function launch(
  dataFolder: string,
  configFile: string,
): Pick<DemoRun, never> & {
  child: ChildProcess;
  ended: Promise<{ code: number | null; output: string }>;
} {
  const child = spawn(
    process.execPath,
    [
      path.join(ROOT, 'dist/apps/cli/main.js'),
      'demo',
      '--json',
      '--data',
      dataFolder,
      '--config',
      path.join(ROOT, 'tests/crash', configFile),
    ],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, output }));
  });
  return { child, ended };
}
