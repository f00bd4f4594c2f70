import type { RatchetError } from '../../config/errors.js';
import type { RatchetConfig } from '../../config/schema.js';
import { processStart } from '../process-identity.js';
import { databaseFile, startDevServer, type DevServer, type DevServerOptions } from './dev-server.js';
import { claimPort } from './ports.js';

export type ServerEvent =
  | { type: 'started'; name: string; pid: number; restarts: number }
  | { type: 'exited'; name: string; code: number | null; signal: string | null; restartInMilliseconds: number }
  | { type: 'gave-up'; name: string; error: RatchetError };

interface SupervisedServerOptions {
  binary: string;
  config: RatchetConfig;
  dataFolder: string;
  logFile: string;
  anyPort: boolean;
  onEvent(event: ServerEvent): void;
  /** Called before the server answers, so that its pid is known whatever happens next. */
  onSpawn(pid: number): void;
}

/** Starts of a server that ends before it answers. */
const START_ATTEMPTS = 3;

/** The development server, started again on the same ports and database whenever it dies. */
export class SupervisedServer {
  readonly name = 'server';
  readonly database: string;
  restarts = 0;
  private failures = 0;
  private stopping = false;
  private server: DevServer | null = null;
  private starting: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly options: DevServerOptions & Pick<SupervisedServerOptions, 'onEvent'>,
    private readonly restart: RatchetConfig['workers']['restart'],
  ) {
    this.database = databaseFile(options.dataFolder);
  }

  static async start({ anyPort, ...given }: SupervisedServerOptions): Promise<SupervisedServer> {
    const { ip, port, uiPort, ui } = given.config.server;
    const claim = async (wanted: number, key: string) => {
      try {
        return await claimPort(ip, wanted, `server.${key}`);
      } catch (error) {
        if (!anyPort) throw error;
        return await claimPort(ip, 0, `server.${key}`);
      }
    };
    for (let attempt = 1; ; attempt++) {
      const ports = { port: await claim(port, 'port'), uiPort: ui ? await claim(uiPort, 'uiPort') : 0 };
      const server = new SupervisedServer({ ...given, ...ports }, given.config.workers.restart);
      try {
        await server.launch();
        return server;
      } catch (error) {
        // Where it ended, a port that was free, the server's inner ones too, may have been taken meanwhile.
        if (!(error as RatchetError).retryable || attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  get pid(): number {
    return this.server?.pid ?? 0;
  }

  get port(): number {
    return this.options.port;
  }

  get uiPort(): number {
    return this.options.uiPort;
  }

  get address(): string {
    return `${this.options.config.server.ip}:${this.port}`;
  }

  get uiUrl(): string | null {
    return this.uiPort === 0 ? null : `http://${this.options.config.server.ip}:${this.uiPort}`;
  }

  /** Pid and start time; null while it is down. */
  identity(): { pid: number; start: string } | null {
    const start = this.server === null ? null : processStart(this.server.pid);
    return this.server === null || start === null ? null : { pid: this.server.pid, start };
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.starting.catch(() => {});
    await this.server?.stop();
  }

  killNow(): void {
    this.stopping = true;
    const server = this.identity();
    if (server !== null) process.kill(server.pid, 'SIGKILL');
  }

  private async launch(): Promise<void> {
    const started = startDevServer(this.options);
    this.starting = started;
    this.server = await started;
    this.options.onEvent({ type: 'started', name: this.name, pid: this.server.pid, restarts: this.restarts });
    void this.watch(this.server, performance.now());
  }

  private async watch(server: DevServer, startedAt: number): Promise<void> {
    const { code, signal } = await server.exited;
    this.server = null;
    const { initialMilliseconds, maximumMilliseconds, factor, resetAfterSeconds, maxRestarts } = this.restart;
    if (performance.now() - startedAt > resetAfterSeconds * 1000) this.failures = 0;
    while (!this.stopping) {
      const wait = Math.min(maximumMilliseconds, initialMilliseconds * factor ** this.failures);
      this.failures += 1;
      this.options.onEvent({ type: 'exited', name: this.name, code, signal, restartInMilliseconds: wait });
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (this.stopping) return;
      this.restarts += 1;
      try {
        await this.launch();
        return;
      } catch (error) {
        if (maxRestarts === 0 || this.failures < maxRestarts) continue;
        this.options.onEvent({ type: 'gave-up', name: this.name, error: error as RatchetError });
        return;
      }
    }
  }
}
