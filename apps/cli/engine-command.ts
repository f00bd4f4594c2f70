import type { Command } from 'commander';
import type { EngineJob, JobEvent, JobResults } from '../../workers/jobs/messages.js';
import { runEngineJob } from '../../workers/run-engine-job.js';
import { wholeNumber } from './command-context.js';
import { INTERRUPTED, onInterrupt } from './interrupt.js';
import type { Output } from './output.js';
import { bytes } from './render/numbers.js';
import { bar } from './render/progress.js';

/** Options of every command that runs the engine. */
export interface EngineOptions {
  data?: string;
  threads?: number;
  json?: boolean;
  verbose?: boolean;
}

/** Adds `--threads --data --json --verbose` and the examples to a command. */
export function withEngineOptions(command: Command, examples: string[]): Command {
  return command
    .option('--threads <number>', 'threads of the kernels (default: all cores)', wholeNumber('--threads', 1))
    .option('--data <folder>', 'data folder, where downloaded models are kept (default: data)')
    .option('--json', 'print JSON lines only')
    .option('--verbose', 'print more, and the stack of an error')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ratchet ${example}`).join('\n')}`);
}

/** Runs a job that can be given up at any time, with a live line; null when it was. */
export async function runJob<Kind extends Exclude<EngineJob['kind'], 'train'>>(
  job: Extract<EngineJob, { kind: Kind }>,
  output: Output,
): Promise<JobResults[Kind] | null> {
  const interrupt = onInterrupt();
  try {
    const result = await runEngineJob<Kind>(job, {
      signal: interrupt.signal,
      onEvent: (event) => jobNote(event, output),
    });
    if (result === null) process.exitCode = INTERRUPTED;
    return result === null ? null : result.value;
  } finally {
    output.progress('');
    interrupt.dispose();
  }
}

/** What every job may tell. */
export function jobNote(event: JobEvent, output: Output): void {
  if (event.event === 'note') output.line(event.message);
  if (event.event === 'download') output.progress(`${event.file}: ${bytes(event.done)} of ${bytes(event.size)}`);
  if (event.event === 'progress')
    output.progress(`${event.what} ${bar(event.done / event.total, 24, output.style)} ${event.done}/${event.total}`);
}
