import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { RatchetError } from '../../config/errors.js';
import type { RatchetConfig } from '../../config/schema.js';

export interface DevServerOptions {
  binary: string;
  dataFolder: string;
  port: number;
  /** 0 starts no web UI. */
  uiPort: number;
  logFile: string;
  config: Pick<RatchetConfig, 'connection' | 'server'>;
  onSpawn?(pid: number): void;
}

export interface DevServer {
  pid: number;
  address: string;
  /** Resolves when the process has ended, for whatever reason. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGTERM, then SIGKILL when it has not ended within the grace time. */
  stop(graceMilliseconds?: number): Promise<void>;
}

/**
 * The server cannot notice that the process that started it was killed, so a shell beside it waits for the end of a pipe
 * which that process holds, and then kills the server: `$$` is the shell's pid, which the server keeps through `exec`.
 */
const TIED_TO_PARENT = '(cat <&3 >/dev/null; kill -9 $$ 2>/dev/null) & exec "$@" 3<&-';

/** File of the development server's database. */
export function databaseFile(dataFolder: string): string {
  return path.join(dataFolder, 'temporal', 'temporal.db');
}

/**
 * Starts `temporal server start-dev` on the data folder's database and waits until it answers; then raises the retention
 * of the namespace (a development server keeps closed histories for a day only).
 *
 * Throws E_SERVER_UNAVAILABLE with the end of its log when it dies or does not answer in time; it may be tried again where it died.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { config, logFile } = options;
  const address = `${config.server.ip}:${options.port}`;
  mkdirSync(path.dirname(databaseFile(options.dataFolder)), { recursive: true });
  mkdirSync(path.dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const [command, args] =
    process.platform === 'win32'
      ? [options.binary, serverArguments(options)]
      : ['/bin/sh', ['-c', TIED_TO_PARENT, 'sh', options.binary, ...serverArguments(options)]];
  const child = spawn(command, args, {
    stdio: ['ignore', log, log, 'pipe'],
    detached: process.platform !== 'win32',
    env: {
      // The server does not start under an account without a name, as a container's may be, unless this gives it one.
      USER: 'ratchet',
      // It would tell version-info.temporal.io which versions and databases are in use.
      TEMPORAL_VERSION_CHECK_DISABLED: '1',
      ...process.env,
    },
  });
  closeSync(log);
  const parentPipe = child.stdio[3];
  parentPipe?.on('error', () => {});
  if (child.pid !== undefined) options.onSpawn?.(child.pid);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      parentPipe?.destroy();
      resolve({ code, signal });
    });
    child.once('error', () => resolve({ code: -1, signal: null }));
  });
  const server: DevServer = { pid: child.pid ?? 0, address, exited, stop: (grace) => stop(child, exited, grace) };
  try {
    await waitUntilReady(address, config, exited, logFile);
  } catch (error) {
    await server.stop(500);
    throw error;
  }
  return server;
}

/**
 * A timer (a retry, a wait) may fire this much late; the server's own setting, meant for the clocks of a cluster, is a
 * second, which doubles the time of a loop whose activities are retried.
 */
const TIMER_LATENESS = { 'history.timerProcessorMaxTimeShift': '10ms' };

/**
 * The server keeps up to 128,000 workflows in memory, closed ones too, at about 50 KB each. Which ones can be read again from
 * its database.
 */
const KEPT_WORKFLOWS = { 'history.hostLevelCacheMaxSize': 1000 };

/** Arguments of the command line, with the settings that make a sequential activity about five times cheaper. */
export function serverArguments({ config, dataFolder, port, uiPort }: DevServerOptions): string[] {
  const { server, connection } = config;
  return [
    'server',
    'start-dev',
    `--ip=${server.ip}`,
    `--port=${port}`,
    `--log-level=${server.logLevel}`,
    `--db-filename=${databaseFile(dataFolder)}`,
    ...(connection.namespace === 'default' ? [] : [`--namespace=${connection.namespace}`]),
    ...(uiPort === 0 ? ['--headless'] : [`--ui-port=${uiPort}`]),
    ...Object.entries(server.sqlitePragma).map(([key, value]) => `--sqlite-pragma=${key}=${value}`),
    ...Object.entries({ ...TIMER_LATENESS, ...KEPT_WORKFLOWS, ...server.dynamicConfig }).map(
      ([key, value]) => `--dynamic-config-value=${key}=${JSON.stringify(value)}`,
    ),
  ];
}

async function waitUntilReady(
  address: string,
  config: DevServerOptions['config'],
  exited: DevServer['exited'],
  logFile: string,
): Promise<void> {
  const deadline = Date.now() + config.server.readyTimeoutSeconds * 1000;
  const end = { came: false };
  void exited.then(() => (end.came = true));
  let reason = 'it never answered';
  while (Date.now() < deadline && !end.came) {
    try {
      await raiseRetention(address, config);
      return;
    } catch (error) {
      reason = (error as Error).message;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const tail = logTail(logFile);
  throw new RatchetError(
    'E_SERVER_UNAVAILABLE',
    end.came
      ? `The Temporal server ended right after its start${tail}.`
      : `The Temporal server on ${address} was not ready within ${config.server.readyTimeoutSeconds} s: ${reason}.`,
    { hint: `Look into ${logFile}; \`ratchet doctor\` checks the server and its ports.`, retryable: end.came },
  );
}

/** Connects, and sets the namespace's retention to the configured one. */
async function raiseRetention(address: string, { server, connection }: DevServerOptions['config']): Promise<void> {
  const client = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    const { config } = await client.workflowService.describeNamespace({ namespace: connection.namespace });
    const seconds = server.retentionHours * 3600;
    if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) === seconds) return;
    await client.workflowService.updateNamespace({
      namespace: connection.namespace,
      config: { workflowExecutionRetentionTtl: { seconds: seconds as never } },
    });
  } finally {
    await client.close();
  }
}

function logTail(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' | ');
  return lines === '' ? '' : `: ${lines.slice(-600)}`;
}

async function stop(child: ChildProcess, exited: DevServer['exited'], graceMilliseconds = 5_000): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMilliseconds);
  await exited;
  clearTimeout(timer);
}
