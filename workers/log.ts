import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Logger, LogLevel, LogMetadata } from '@temporalio/worker';
import { destination, pino, type Logger as Pino } from 'pino';
import type { RatchetConfig } from '../config/schema.js';

/** Folder of the log files. */
export function logFolder(logging: Pick<RatchetConfig['logging'], 'folder'>, dataFolder: string): string {
  return logging.folder === '' ? path.join(dataFolder, 'logs') : path.resolve(logging.folder);
}

/** Structured log of one process: JSON lines appended to `<folder>/<name>.log`; nothing goes to stdout. */
export function openLog(name: string, logging: RatchetConfig['logging'], dataFolder: string): Pino {
  const folder = logFolder(logging, dataFolder);
  mkdirSync(folder, { recursive: true });
  const file = destination({ dest: path.join(folder, `${name}.log`), append: true, sync: true });
  // A full disk must not end the process: what it works on reports the disk, the log loses lines.
  file.on('error', () => {});
  return pino({ name, level: logging.level, timestamp: pino.stdTimeFunctions.isoTime }, file);
}

const OF_A_LOOP = /^loop\/([^/]+)(?:\/round-(\d+))?/;

/** Loop and round of a line, by the workflow it belongs to. */
function correlate(workflowId: unknown): { loop?: string; round?: number } {
  const [, loop, round] = (typeof workflowId === 'string' && OF_A_LOOP.exec(workflowId)) || [];
  return { ...(loop !== undefined && { loop }), ...(round !== undefined && { round: Number(round) }) };
}

/**
 * The SDK's logger interface over ours. Lines of activities and workflows carry the ids of their workflow, run, activity
 * and attempt from the SDK, and the loop and round from us.
 */
export function temporalLogger(log: Pino): Logger {
  const write = (level: LogLevel, message: string, meta: LogMetadata = {}) => {
    const {
      [Symbol.for('__temporal_logger_timestamp')]: _timestamp,
      taskToken: _token,
      ...fields
    } = meta as Record<string | symbol, unknown>;
    log[level.toLowerCase() as 'trace' | 'debug' | 'info' | 'warn' | 'error'](
      { ...correlate(fields['workflowId']), ...fields },
      message,
    );
  };
  return {
    log: write,
    trace: (message, meta) => write('TRACE', message, meta),
    debug: (message, meta) => write('DEBUG', message, meta),
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}
