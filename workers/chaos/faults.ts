import { stream } from '../../config/random.js';
import { signal, TARGETS, type SmallRun, type Target } from './small-run.js';

/** One disturbance of a run. */
export interface Fault {
  target: Target;
  /** SIGKILL, or SIGSTOP for longer than the heartbeat timeout and then SIGCONT: a worker that wakes up replaced. */
  kind: 'kill' | 'freeze';
  /** It strikes when a file whose path contains one of these is there … */
  moment: string[];
  /** … and this has passed. */
  delayMilliseconds: number;
}

/** How long a frozen process stays so; the small loop counts a worker as lost after 5 s. */
const FREEZE_MILLISECONDS = 7_000;

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
];

/** The fault of a run, by the seed of the plan and the run's number. */
export function planFault(seed: number, run: number): Fault {
  const draw = stream(seed, 'chaos', run);
  const kind = draw.weighted(['kill', 'freeze'] as const, [0.85, 0.15]);
  const target =
    kind === 'freeze' ? draw.pick(['gpu-worker', 'cpu-worker', 'store-worker'] as const) : draw.pick(TARGETS);
  const step = String(2 * (1 + draw.integer(4))).padStart(8, '0');
  const moment = draw.pick(MOMENTS)(1 + draw.integer(2), step);
  // Half of them at once: files are being written then.
  return { target, kind, moment, delayMilliseconds: draw.pick([0, draw.integer(800)]) };
}

/** Lets a fault strike a run; false when the run was over before. */
export async function strike(run: SmallRun, fault: Fault): Promise<boolean> {
  if (!(await run.reaches(...fault.moment))) return false;
  await pause(fault.delayMilliseconds);
  const pids = run.processes(fault.target);
  if (fault.kind === 'freeze') {
    const frozen = pids.filter((pid) => signal(pid, 'SIGSTOP'));
    await pause(FREEZE_MILLISECONDS);
    for (const pid of frozen) signal(pid, 'SIGCONT');
    return frozen.length > 0;
  }
  const struck = pids.filter((pid) => signal(pid, 'SIGKILL')).length > 0;
  if (fault.target === 'supervisor' && struck) {
    await run.gone();
    run.again();
  }
  return struck;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
