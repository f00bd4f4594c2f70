import { execFileSync } from 'node:child_process';
import { stream } from '../../config/random.js';
import { signal, TARGETS, WORKERS, type SmallRun, type Target } from './small-run.js';

/**
 * What happens to a run:
 * - `kill`: SIGKILL of a process, mid-write as well as between two writes;
 * - `freeze`: SIGSTOP, then SIGCONT: a stall, or a worker that wakes up when its attempt has been replaced;
 * - `no-space`: every write of a worker to a file fails for a while, as on a full disk (RLIMIT_FSIZE 0; Linux only);
 * - `clock`: the clock that all processes of ours read jumps by hours or days;
 * - `second-worker`: another gpu worker that nobody supervises is started on the same device;
 * - `again`: the command is given once more while it runs.
 */
export const KINDS = ['kill', 'freeze', 'no-space', 'clock', 'second-worker', 'again'] as const;
export type FaultKind = (typeof KINDS)[number];

/** One disturbance of a run. */
export interface Fault {
  target: Target;
  kind: FaultKind;
  /** It strikes when a file whose path contains one of these is there, or a round's workflow closes (`round-1 closes`) … */
  moment: string[];
  /** … and this has passed. */
  delayMilliseconds: number;
  /** How long a freeze or a full disk lasts, or how far the clock jumps. */
  milliseconds?: number;
}

/** A stall; longer than the 5 s after which the small loop counts a worker as lost; and much longer. */
const FREEZE_MILLISECONDS = [1_500, 7_000, 30_000] as const;
const CLOCK_JUMPS = [-36 * 3600_000, -3600_000, 25 * 3600_000, 400 * 24 * 3600_000] as const;

/** Moments of a round, each with what to take instead where the first passes too quickly to be seen. */
const MOMENTS: ((round: number, step: string) => string[])[] = [
  (round) => [`round-${round}/requests.jsonl`],
  (round) => [`round-${round}/answers.jsonl`],
  (round) => [`round-${round}/rewards.jsonl`],
  (round) => [`round-${round}/batches.jsonl`],
  (round) => [`round-${round}/training-`],
  // In the middle of writing a checkpoint.
  (round, step) => [`.tmp-step-${step}`, `round-${round}/training-log.jsonl`],
  (round, step) => [`step-${step}`, `round-${round}/training-log.jsonl`],
  (round) => [`round-${round}/models/`],
  (round) => [`round-${round}/training-log.jsonl`],
  // While the loop records the round and continues as new.
  (round) => [`round-${round} closes`],
  // While the store migrates its new database.
  () => ['ratchet.duckdb'],
];

/** The fault of a run, by the seed of the plan and the run's number. */
export function planFault(seed: number, run: number): Fault {
  const draw = stream(seed, 'chaos', run);
  const kind = draw.weighted(KINDS, [0.7, 0.12, 0.08, 0.03, 0.04, 0.03]);
  const step = String(2 * (1 + draw.integer(4))).padStart(8, '0');
  // Half of them at once: files are being written then.
  const delayMilliseconds = draw.pick([0, draw.integer(800)]);
  const moment = draw.pick(MOMENTS)(1 + draw.integer(2), step);
  if (moment[0] === 'ratchet.duckdb')
    return { target: 'store-worker', kind: 'kill', moment, delayMilliseconds: delayMilliseconds % 200 };
  const fault = (target: Target, milliseconds?: number): Fault => ({
    target,
    kind,
    moment,
    delayMilliseconds,
    ...(milliseconds !== undefined && { milliseconds }),
  });
  switch (kind) {
    case 'kill':
      return fault(draw.pick(TARGETS));
    case 'freeze':
      return fault(draw.pick(WORKERS), draw.weighted(FREEZE_MILLISECONDS, [0.4, 0.4, 0.2]));
    case 'no-space':
      return fault(draw.pick(WORKERS), 500 + draw.integer(2_500));
    case 'clock':
      return fault('supervisor', draw.pick(CLOCK_JUMPS));
    case 'second-worker':
      return fault('gpu-worker');
    case 'again':
      return fault('supervisor');
  }
}

/** Lets a fault strike a run; false when the run was over before. */
export async function strike(run: SmallRun, fault: Fault): Promise<boolean> {
  if (!(await run.reaches(...fault.moment))) return false;
  await pause(fault.delayMilliseconds);
  const pids = run.processes(fault.target);
  const { kind, milliseconds = 0 } = fault;
  if (kind === 'freeze') {
    const frozen = pids.filter((pid) => signal(pid, 'SIGSTOP'));
    await pause(milliseconds);
    for (const pid of frozen) signal(pid, 'SIGCONT');
    return frozen.length > 0;
  }
  if (kind === 'no-space') {
    const limited = pids.filter((pid) => limitFileSize(pid, '0'));
    await pause(milliseconds);
    for (const pid of limited) limitFileSize(pid, 'unlimited');
    return limited.length > 0;
  }
  if (kind === 'clock') return run.shiftClock(milliseconds);
  if (kind === 'second-worker') return run.startSecondWorker();
  if (kind === 'again') return run.again();
  const struck = pids.filter((pid) => signal(pid, 'SIGKILL')).length > 0;
  if (fault.target === 'supervisor' && struck) {
    await run.gone();
    run.again();
  }
  return struck;
}

/** Limits how far a process may write into files; false when it has ended, or where there is no `prlimit`. */
function limitFileSize(pid: number, bytes: string): boolean {
  try {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
