import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { isRatchetError, RatchetError } from '../config/errors.js';
import { loadConfig } from '../config/load.js';
import type { RatchetConfig } from '../config/schema.js';
import { interceptActivity } from './activity-interceptor.js';
import { measureActivities } from './activity-metrics.js';
import { namespaceOf } from './connection.js';
import { connectWorker } from './worker-connection.js';
import { openLog, temporalLogger } from './log.js';
import { metricsOptions, reportProcess } from './metrics.js';
import { exitWithSupervisor } from './orphan.js';
import { encryptedWorker, PayloadEncryption } from './payload-encryption.js';
import type { ArtifactStorage } from './storage/artifact-storage.js';
import { ArtifactExchange } from './storage/exchange.js';
import { openStorage } from './storage/open-storage.js';
import { configuredAddress } from './server/locate.js';
import type { Tracing } from './tracing.js';

export interface WorkerContext {
  config: RatchetConfig;
  /** Absolute path. */
  dataFolder: string;
  log: Logger;
  /** Spans go to a collector: the interceptors must be among the workflows' code. */
  traced: boolean;
}

/** What a process runs: one or more Temporal workers that share its connection, and how to close what they use. */
export interface WorkerPlan {
  workers: Omit<WorkerOptions, 'connection' | 'namespace'>[];
  close?(): Promise<void>;
}

/** Messages of a worker process to its supervisor. */
export type WorkerMessage =
  { type: 'ready' } | { type: 'failed'; code: string; message: string; hint: string | null; retryable: boolean };

/**
 * The workflows' code: the bundle that `npm run build` leaves in `dist`. Where spans are wanted it is bundled anew, with
 * the interceptors that make them, which takes seconds at the start of the worker.
 */
export function workflowCode(traced: boolean): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const dist = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  if (traced) return { workflowsPath: path.join(dist, 'workflows/index.js') };
  return { workflowBundle: { codePath: path.join(dist, 'workflow-bundle.js') } };
}

/**
 * Runs a worker process from `--data FOLDER --address HOST:PORT --config FILE` until SIGTERM, SIGINT or the end of its
 * supervisor, and then leaves the process: exit code 0 after a clean stop, 1 after a failure, which is logged and told to
 * the supervisor.
 */
export async function runWorkerProcess(
  name: string,
  prepare: (context: WorkerContext) => Promise<WorkerPlan>,
): Promise<never> {
  let log: Logger | undefined;
  let plan: WorkerPlan | undefined;
  let tracing: Tracing | null = null;
  let storage: ArtifactStorage | null = null;
  let code = 0;
  try {
    const { values } = parseArgs({
      options: { data: { type: 'string' }, address: { type: 'string' }, config: { type: 'string' } },
    });
    const loaded = await loadConfig({ file: values.config });
    const { config } = loaded;
    const dataFolder = path.resolve(values.data ?? loaded.dataFolder);
    const address = configuredAddress(values.address ?? config.connection.address);
    if (address === null) {
      throw new RatchetError('E_USAGE', `The ${name} worker was given no address of a Temporal service.`, {
        hint: 'Give --address host:port, set connection.address, or name one in a temporal.toml.',
      });
    }
    mkdirSync(dataFolder, { recursive: true });
    log = openLog(name, config.logging, dataFolder);
    log.info({ pid: process.pid, address }, 'starting');
    exitWithSupervisor(log);
    process.on('uncaughtException', (error) => crash(log, error));
    process.on('unhandledRejection', (error) => crash(log, error));
    Runtime.install({
      logger: temporalLogger(log),
      telemetryOptions: await metricsOptions(name, config.metrics, log),
      shutdownSignals: ['SIGTERM', 'SIGINT', 'SIGQUIT'],
    });
    reportProcess(Runtime.instance().metricMeter);
    const traced = isTraced();
    // The libraries are loaded only where they are used.
    tracing = traced ? (await import('./tracing.js')).startTracing(name) : null;
    storage = await openStorage(config.storage);
    plan = await prepare({ config, dataFolder, log, traced });
    const exchange = storage === null ? null : new ArtifactExchange(dataFolder, storage);
    await exchange?.clear();
    await serve(plan, { config, address, name, exchange, plugins: tracing === null ? [] : [tracing.plugin] });
    log.info('stopped');
  } catch (error) {
    code = 1;
    report(log, error);
  }
  try {
    await plan?.close?.();
    storage?.close();
    await tracing?.close();
  } catch (error) {
    log?.error({ err: error }, 'closing failed');
  }
  process.exit(code);
}

/** True where OpenTelemetry's own variables name a collector. */
function isTraced({ env } = process): boolean {
  return Boolean(env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT']);
}

interface ServeOptions extends Pick<WorkerOptions, 'plugins'> {
  config: RatchetConfig;
  address: string;
  name: string;
  /** Fetches and stores the files that other hosts share; null where all see one data folder. */
  exchange: ArtifactExchange | null;
}

async function serve(plan: WorkerPlan, { config, address, name, exchange, plugins }: ServeOptions): Promise<void> {
  const connection = await connectWorker(config, address);
  const { workers: settings } = config;
  const encryption = PayloadEncryption.fromEnvironment();
  const failures = path.resolve(path.dirname(fileURLToPath(import.meta.url)), 'encoding-failures.js');
  const workers = await Promise.all(
    plan.workers.map((options) =>
      Worker.create({
        identity: `${name}@${process.pid}`,
        shutdownForceTime: `${settings.shutdownGraceSeconds} s`,
        maxHeartbeatThrottleInterval: settings.maxHeartbeatThrottleMilliseconds,
        defaultHeartbeatThrottleInterval: settings.defaultHeartbeatThrottleMilliseconds,
        stickyQueueScheduleToStartTimeout: '2 s',
        interceptors: {
          activity: [
            interceptActivity(settings.heartbeatSeconds * 1000),
            measureActivities,
            ...(exchange === null ? [] : [exchange.intercept]),
          ],
        },
        ...encryptedWorker(encryption, options, failures),
        ...(plugins !== undefined && { plugins }),
        connection,
        namespace: namespaceOf(config, address),
      }),
    ),
  );
  const running = workers.map((worker) => worker.run());
  process.send?.({ type: 'ready' } satisfies WorkerMessage);
  try {
    await Promise.all(running);
  } finally {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled(running);
    await connection.close();
  }
}

function report(log: Logger | undefined, error: unknown): void {
  log?.fatal({ err: error }, 'failed');
  const known = isRatchetError(error);
  const message: WorkerMessage = {
    type: 'failed',
    code: known ? error.code : 'E_INTERNAL',
    message: error instanceof Error ? error.message : String(error),
    hint: known ? (error.hint ?? null) : null,
    retryable: known ? error.retryable : true,
  };
  if (process.send === undefined) process.stderr.write(`${message.code} ${message.message}\n`);
  else if (process.connected) process.send(message);
}

function crash(log: Logger | undefined, error: unknown): void {
  report(log, error);
  process.exit(1);
}
