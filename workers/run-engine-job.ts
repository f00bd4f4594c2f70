import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { keepingFreedMemory } from '../engine/devices/process-environment.js';
import { ERROR_CODES, RatchetError, type ErrorCode } from '../config/errors.js';
import type { EngineJob, JobEvent, JobReply, JobRequest, JobResults } from './jobs/messages.js';

const fromSource = import.meta.url.endsWith('.ts');
const entry = fileURLToPath(new URL(fromSource ? './engine-job.ts' : './engine-job.js', import.meta.url));

/**
 * Runs one engine job in a process of its own.
 *
 * @param options.signal aborting asks the job to stop; a training saves a checkpoint first
 * @returns what the job gives back, or null when it was stopped
 * @throws RatchetError the job's fault; `E_OUT_OF_MEMORY` when the system killed the process
 */
export function runEngineJob<Kind extends EngineJob['kind']>(
  job: Extract<EngineJob, { kind: Kind }>,
  options: { onEvent(event: JobEvent): void; signal: AbortSignal },
): Promise<{ value: JobResults[Kind] } | null> {
  const execArgv = fromSource ? ['--import', 'tsx'] : ['--enable-source-maps'];
  const child = fork(entry, [], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv,
    env: keepingFreedMemory(process.env),
  });
  const send = (request: JobRequest) => child.connected && child.send(request);
  const stop = () => send({ kind: 'stop' });
  let last: Exclude<JobReply, { kind: 'event' }> | null = null;
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  child.on('message', (reply: JobReply) => {
    if (reply.kind === 'event') options.onEvent(reply.event);
    else last = reply;
  });
  options.signal.addEventListener('abort', stop, { once: true });
  send({ kind: 'run', job });
  if (options.signal.aborted) stop();
  return new Promise<{ value: JobResults[Kind] } | null>((resolve, reject) => {
    child.once('error', (cause) => reject(new RatchetError('E_INTERNAL', cause.message, { cause })));
    child.once('close', (code, signal) => {
      if (last === null) reject(died(code, signal, errors));
      else if (last.kind === 'stopped') resolve(null);
      else if (last.kind === 'failed') reject(faultOf(last));
      else resolve({ value: last.result as JobResults[Kind] });
    });
  }).finally(() => options.signal.removeEventListener('abort', stop));
}

function faultOf({ code, message, hint, stack }: Extract<JobReply, { kind: 'failed' }>): RatchetError {
  const known = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'E_INTERNAL';
  const error = new RatchetError(known, message, hint === null ? {} : { hint });
  if (stack !== null) error.stack = stack;
  return error;
}

function died(code: number | null, signal: NodeJS.Signals | null, errors: string): RatchetError {
  if (signal === 'SIGKILL')
    return new RatchetError('E_OUT_OF_MEMORY', 'The system killed the engine: it needed more memory than there is.', {
      hint: 'Use --training-strategy qlora, a smaller --batch-size or --max-length; the same command goes on from the last checkpoint.',
    });
  const lines = errors.trim().split('\n');
  const said = lines.find((line) => /^(\w*Error|\w+ \[\w+\]):? /.test(line)) ?? lines.at(-1) ?? '';
  return new RatchetError(
    'E_INTERNAL',
    `The engine's process ended (${signal ?? `exit code ${code}`}). ${said}`.trim(),
  );
}
