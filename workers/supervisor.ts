import { accessSync, constants, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { RatchetError, type ErrorCode } from '../config/errors.js';
import type { RatchetConfig } from '../config/schema.js';
import { attachToSupervisor } from './attach.js';
import { SupervisedProcess, type FailedMessage } from './child-process.js';
import { connectClient } from './connection.js';
import { acquireLock, supervisorLockFile, type Lock, type SupervisorHolder } from './lock.js';
import { logFolder } from './log.js';
import { isAlive, processStart } from './process-identity.js';
import { syncSchedules } from './schedules.js';
import { SupervisedServer } from './server/supervised-server.js';
import { locateServer, type LocatedServer } from './server/locate.js';

export type SupervisorEvent =
  | { type: 'progress'; message: string }
  | { type: 'server-located'; server: LocatedServer }
  | { type: 'attached'; holder: SupervisorHolder }
  | { type: 'started'; name: string; pid: number; restarts: number }
  | { type: 'exited'; name: string; code: number | null; signal: string | null; restartInMilliseconds: number }
  | { type: 'gave-up'; name: string; error: RatchetError };

export interface UpOptions {
  config: RatchetConfig;
  /** Absolute path. */
  dataFolder: string;
  onEvent?(event: SupervisorEvent): void;
  /** The worker processes, by default store, cpu and gpu. */
  workers?: { name: string; script: string }[];
  /** Take free ports where the configured ones are in use, instead of failing. */
  anyPort?: boolean;
}

export interface Running {
  address: string;
  /** Null without our own web UI. */
  uiUrl: string | null;
  /** True when another process supervises; `stop` then leaves everything running. */
  attached: boolean;
  processes(): { name: string; pid: number; restarts: number }[];
  /** Rejects when a process cannot be kept running; never resolves. */
  failed: Promise<never>;
  stop(): Promise<void>;
}

const folder = path.dirname(fileURLToPath(import.meta.url));

/** store, cpu, and a gpu worker for each device. */
function workerProcesses({ gpuWorkers }: RatchetConfig['workers']): { name: string; script: string }[] {
  const gpu = Array.from({ length: gpuWorkers }, (_, place) =>
    place === 0 ? 'gpu-worker' : `gpu-worker-${place + 1}`,
  );
  return ['store-worker', 'cpu-worker', ...gpu].map((name) => ({
    name,
    script: path.join(folder, `${name.replace(/-\d+$/, '')}.js`),
  }));
}
const READY_TIMEOUT = 120_000;

/**
 * Starts everything a data folder needs (the development server unless an address is configured, then the workers), and
 * keeps it running until `stop`. When another process already does, attaches to it instead.
 *
 * Throws E_DATA_FOLDER, E_SERVER_UNAVAILABLE, E_LOCKED, or the error of a worker that cannot start.
 */
export async function up(options: UpOptions): Promise<Running> {
  const { dataFolder, onEvent = () => {} } = options;
  prepareFolder(dataFolder);
  for (;;) {
    const attempt = acquireLock<SupervisorHolder>(supervisorLockFile(dataFolder), {
      address: '',
      uiUrl: null,
      port: 0,
      uiPort: 0,
      db: '',
      server: null,
      ready: false,
      processes: [],
    });
    if (attempt.acquired) {
      if (attempt.stale !== null) stopServerOf(attempt.stale);
      return await supervise(options, attempt.lock, onEvent);
    }
    const attached = await attachToSupervisor(dataFolder, attempt.holder, onEvent);
    if (attached !== null) return attached;
  }
}

async function supervise(
  options: UpOptions,
  lock: Lock<SupervisorHolder>,
  onEvent: (event: SupervisorEvent) => void,
): Promise<Running> {
  const { config, dataFolder } = options;
  const logs = logFolder(config.logging, dataFolder);
  mkdirSync(logs, { recursive: true });
  const children: SupervisedProcess[] = [];
  let server: SupervisedServer | null = null;
  let fail: (error: RatchetError) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => (fail = reject));
  failed.catch(() => {});

  const processes = () =>
    [...(server === null ? [] : [server]), ...children].map(({ name, pid, restarts }) => ({ name, pid, restarts }));
  const publish = () => lock.update({ processes: processes(), server: server?.identity() ?? null });
  const giveUp = (name: string, error: RatchetError) => {
    onEvent({ type: 'gave-up', name, error });
    fail(error);
  };
  const killAll = () => {
    for (const child of children) child.killNow();
    server?.killNow();
    lock.release();
  };
  process.once('exit', killAll);
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop()));
    await server?.stop();
    process.removeListener('exit', killAll);
    lock.release();
  };

  try {
    const located = await locateServer({ config, onProgress: (message) => onEvent({ type: 'progress', message }) });
    onEvent({ type: 'server-located', server: located });
    let address: string;
    if (located.kind === 'address') {
      address = located.address;
      const client = await connectClient(config, address);
      await client.connection.close();
    } else {
      server = await SupervisedServer.start({
        binary: located.path,
        config,
        dataFolder,
        logFile: path.join(logs, 'server.log'),
        anyPort: options.anyPort ?? false,
        onEvent: (event) => {
          if (event.type === 'gave-up') giveUp(event.name, event.error);
          else onEvent(event);
          publish();
        },
        onSpawn: (pid) => lock.update({ server: { pid, start: processStart(pid) ?? '' } }),
      });
      ({ address } = server);
      lock.update({ port: server.port, uiPort: server.uiPort, db: server.database });
    }
    const uiUrl = server?.uiUrl ?? null;
    publish();

    const configFile = writeConfig(config, dataFolder);
    const ready = (options.workers ?? workerProcesses(config.workers)).map(
      ({ name, script }) =>
        new Promise<void>((resolve, reject) => {
          const child = new SupervisedProcess({
            name,
            script,
            args: ['--data', dataFolder, '--address', address, '--config', configFile],
            restart: config.workers.restart,
            graceMilliseconds: config.workers.shutdownGraceSeconds * 1000,
            errorFile: path.join(logs, `${name}.stderr.log`),
            onStart(pid, restarts) {
              onEvent({ type: 'started', name, pid, restarts });
              publish();
            },
            onReady: resolve,
            onExit: (exit) => onEvent({ type: 'exited', name, ...exit }),
            onGiveUp(failure) {
              const error = asError(failure);
              reject(error);
              giveUp(name, error);
            },
          });
          children.push(child);
          child.start();
        }),
    );
    await withDeadline(Promise.all(ready), READY_TIMEOUT, logs);
    const client = await connectClient(config, address);
    await syncSchedules(client, config);
    await client.connection.close();
    lock.update({ address, uiUrl, ready: true });
    return { address, uiUrl, attached: false, processes, failed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ends a server whose supervisor was killed before it could; its database survives that. */
function stopServerOf({ server }: SupervisorHolder): void {
  if (server !== null && isAlive(server.pid, server.start)) process.kill(server.pid, 'SIGKILL');
}

function prepareFolder(dataFolder: string): void {
  try {
    mkdirSync(path.join(dataFolder, 'run'), { recursive: true });
    accessSync(dataFolder, constants.W_OK);
  } catch (error) {
    throw new RatchetError(
      'E_DATA_FOLDER',
      `The data folder ${dataFolder} cannot be used: ${(error as Error).message}.`,
      {
        hint: 'Choose a folder you may write to, with --data or dataFolder in temporal.yaml.',
        cause: error,
      },
    );
  }
}

/** The resolved configuration for the workers, flags included. */
function writeConfig(config: RatchetConfig, dataFolder: string): string {
  const file = path.join(dataFolder, 'run', 'config.json');
  writeFileSync(`${file}.tmp`, JSON.stringify(config, null, 2));
  renameSync(`${file}.tmp`, file);
  return file;
}

async function withDeadline(ready: Promise<unknown>, milliseconds: number, logs: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const message = `The workers were not ready within ${milliseconds / 1000} s.`;
      reject(new RatchetError('E_SERVER_UNAVAILABLE', message, { hint: `Look into the logs in ${logs}.` }));
    }, milliseconds);
  });
  await Promise.race([ready, late]).finally(() => clearTimeout(timer));
}

function asError({ code, message, hint, retryable }: FailedMessage): RatchetError {
  return new RatchetError(code as ErrorCode, message, { ...(hint === null ? {} : { hint }), retryable });
}
