import { execFile } from 'node:child_process';
import type { MetricMeter } from '@temporalio/common';
import type { TelemetryOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { RatchetConfig } from '../config/schema.js';
import { claimPort } from './server/ports.js';

/** Where a worker's port lies behind `metrics.port`. */
const OFFSETS: Record<string, number> = { 'store-worker': 0, 'cpu-worker': 1, 'gpu-worker': 2 };

const EVERY_MILLISECONDS = 5_000;
const MOST_GPU_WORKERS = 64;

/**
 * What the Temporal runtime of a worker process serves under `/metrics`: its own metrics (queues, pollers, activities,
 * workflows) and whatever our code reports through its meter. Nothing when `metrics.port` is 0 or no port is free: a worker
 * must not fail for want of metrics.
 */
export async function metricsOptions(
  name: string,
  { port, host }: RatchetConfig['metrics'],
  log: Logger,
): Promise<TelemetryOptions> {
  if (port === 0) return {};
  const own = await firstFree(host, port + (OFFSETS[name] ?? 0), log);
  if (own === null) return {};
  log.info({ host, port: own }, 'serving metrics');
  return {
    metrics: {
      prometheus: {
        bindAddress: `${host.includes(':') ? `[${host}]` : host}:${own}`,
        countersTotalSuffix: true,
        unitSuffix: true,
        useSecondsForDurations: true,
      },
      globalTags: { worker: name },
    },
  };
}

/** The port itself, or the first free one behind it: where there are several gpu workers each has its own. */
async function firstFree(host: string, port: number, log: Logger): Promise<number | null> {
  for (let candidate = port; ; candidate++) {
    try {
      return await claimPort(host, candidate, 'metrics.port');
    } catch (error) {
      if (candidate < port + MOST_GPU_WORKERS) continue;
      log.warn({ err: error }, 'no metrics are served');
      return null;
    }
  }
}

/** Keeps reporting what the process takes up, as long as it lives. */
export function reportProcess(meter: MetricMeter): void {
  const memory = meter.createGauge('ratchet_process_resident_memory_bytes', 'int', undefined, 'Resident memory.');
  const heap = meter.createGauge('ratchet_process_heap_bytes', 'int', undefined, 'JavaScript heap in use.');
  const cpu = meter.createGauge('ratchet_process_cpu_seconds', 'float', undefined, 'Processor time since the start.');
  const report = () => {
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    memory.set(rss);
    heap.set(heapUsed);
    cpu.set((user + system) / 1e6);
  };
  report();
  setInterval(report, EVERY_MILLISECONDS).unref();
}

/** Keeps reporting the memory in use on a GPU by its index or UUID, where NVIDIA's tool tells it. */
export function reportDevice(meter: MetricMeter, device: string): void {
  const memory = meter.createGauge('ratchet_device_memory_bytes', 'int', undefined, 'Memory in use on the device.');
  const asked = ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '-i', device];
  const timer = setInterval(() => {
    execFile('nvidia-smi', asked, (error, mebibytes) => {
      if (error !== null) clearInterval(timer);
      else memory.set(Number(mebibytes) * 2 ** 20, { device });
    });
  }, EVERY_MILLISECONDS).unref();
}
