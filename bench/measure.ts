import { join } from 'node:path';
import { keepingFreedMemory } from '../engine/devices/index.js';
import { startSide, type Side, type StepTime } from './side.js';
import { prepareWorkload, rowsOf, type OwnSettings, type Workload } from './workloads.js';

/** Medians of one side's measured steps. */
export interface SideResult {
  name: string;
  threads: number;
  wall: number;
  cpu: number;
  /** Peak resident memory during the steps, MB. */
  peak: number;
  /** Share of a core that one thread got while it computed; 1 on an idle machine. */
  share: number;
  /** How many steps the medians are of. */
  steps?: number;
  /** Null where nothing is trained. */
  firstLoss: number | null;
  versions: Record<string, string>;
}

/** An arm of a comparison. */
export interface Arm {
  name: string;
  start(folder: string, threads: number): Promise<Side>;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!;

/** Ratchet in a process of its own, which is started as `ratchet train` starts one. */
export const ownArm = (name: string, settings: OwnSettings): Arm => ({
  name,
  start: (folder, threads) =>
    startSide(
      process.execPath,
      ['--expose-gc', join(import.meta.dirname, 'ours.js'), folder, String(threads), JSON.stringify(settings)],
      keepingFreedMemory(process.env),
    ),
});

/** PyTorch with PEFT, and the transformers Trainer where lengths are mixed. */
export const peerArm = (python: string): Arm => ({
  name: 'pytorch',
  start: (folder, threads) =>
    startSide(python, [join(import.meta.dirname.replace(/\/dist\//, '/'), 'peer.py'), folder, String(threads)]),
});

/** What one arm did: all its steps, of which the first compiles. */
export interface Turns {
  name: string;
  times: StepTime[];
  peak: number;
  versions: Record<string, string>;
}

/**
 * Runs arms in turns, step by step, so that a busy machine slows all of them.
 *
 * @param folder of the workload
 * @param steps beside a first one
 */
export async function runInTurns(
  folder: string,
  steps: number,
  arms: readonly Arm[],
  threads: number,
): Promise<Turns[]> {
  const sides: Side[] = [];
  try {
    for (const arm of arms) sides.push(await arm.start(folder, threads));
    const times: StepTime[][] = arms.map(() => []);
    for (let step = 0; step <= steps; step++)
      for (let turn = 0; turn < sides.length; turn++) {
        const arm = (step + turn) % sides.length;
        times[arm]!.push(await sides[arm]!.step());
      }
    const turns: Turns[] = [];
    for (const [i, side] of sides.entries())
      turns.push({ name: arms[i]!.name, times: times[i]!, peak: await side.finish(), versions: side.versions });
    return turns;
  } finally {
    for (const side of sides) side.kill();
  }
}

/** Medians of an arm's steps but the first. */
export function summarise({ name, times, peak, versions }: Turns, threads: number): SideResult {
  const [first, ...measured] = times;
  return {
    name,
    threads,
    wall: median(measured.map((time) => time.wall)),
    cpu: median(measured.map((time) => time.cpu)),
    peak,
    share: Math.min(1, median(measured.map((time) => time.cpu / time.wall / threads))),
    steps: measured.length,
    firstLoss: first!.loss ?? null,
    versions,
  };
}

/** Train steps of a workload by each arm, in turns. */
export async function compare(workload: Workload, arms: readonly Arm[], threads: number): Promise<SideResult[]> {
  const turns = await runInTurns(await prepareWorkload(workload), workload.steps, arms, threads);
  return turns.map((one) => summarise(one, threads));
}

/** Tokens that each measured step of a workload supervises, in the middle. */
export const supervisedTokens = (workload: Workload): number =>
  median(
    Array.from({ length: workload.steps }, (_, step) =>
      rowsOf(workload, step + 1).reduce((sum, row) => sum + row.ids.length - row.prompt, 0),
    ),
  );
