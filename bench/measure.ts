import { join } from 'node:path';
import { startSide, type Side, type StepTime } from './side.js';
import { prepareWorkload, rowsOf, type OwnSettings, type Workload } from './workloads.js';

/** Medians of one side's measured steps. */
export interface SideResult {
  name: string;
  threads: number;
  wall: number;
  cpu: number;
  /** Peak resident memory while training, MB. */
  peak: number;
  /** Share of a core that one thread got while it computed; 1 on an idle machine. */
  share: number;
  firstLoss: number;
  versions: Record<string, string>;
}

/** An arm of a comparison. */
export interface Arm {
  name: string;
  start(folder: string, threads: number): Promise<Side>;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!;

/** Ratchet in a process of its own. */
export const ownArm = (name: string, settings: OwnSettings): Arm => ({
  name,
  start: (folder, threads) =>
    startSide(process.execPath, [
      '--expose-gc',
      join(import.meta.dirname, 'ours.js'),
      folder,
      String(threads),
      JSON.stringify(settings),
    ]),
});

/** PyTorch with PEFT, and the transformers Trainer where lengths are mixed. */
export const peerArm = (python: string): Arm => ({
  name: 'pytorch',
  start: (folder, threads) =>
    startSide(python, [join(import.meta.dirname.replace(/\/dist\//, '/'), 'peer.py'), folder, String(threads)]),
});

/** Runs the arms of a workload in turns, step by step, so that a busy machine slows all of them. */
export async function compare(workload: Workload, arms: readonly Arm[], threads: number): Promise<SideResult[]> {
  const folder = await prepareWorkload(workload);
  const sides: Side[] = [];
  try {
    for (const arm of arms) sides.push(await arm.start(folder, threads));
    const times: StepTime[][] = arms.map(() => []);
    for (let step = 0; step <= workload.steps; step++)
      for (let turn = 0; turn < sides.length; turn++) {
        const arm = (step + turn) % sides.length;
        times[arm]!.push(await sides[arm]!.step());
      }
    const results: SideResult[] = [];
    for (const [i, side] of sides.entries()) {
      const [first, ...measured] = times[i]!;
      results.push({
        name: arms[i]!.name,
        threads,
        wall: median(measured.map((time) => time.wall)),
        cpu: median(measured.map((time) => time.cpu)),
        peak: await side.finish(),
        share: Math.min(1, median(measured.map((time) => time.cpu / time.wall / threads))),
        firstLoss: first!.loss,
        versions: side.versions,
      });
    }
    return results;
  } finally {
    for (const side of sides) side.kill();
  }
}

/** Tokens that each measured step of a workload supervises, in the middle. */
export const supervisedTokens = (workload: Workload): number =>
  median(
    Array.from({ length: workload.steps }, (_, step) =>
      rowsOf(workload, step + 1).reduce((sum, row) => sum + row.ids.length - row.prompt, 0),
    ),
  );
