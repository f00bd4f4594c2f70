import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import type { TrainSpec } from '../api.js';
import { writeAtomic } from '../formats/atomic-write.js';
import { checkpointHash, listSteps, loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import type { RunState } from './run-state.js';
import { specHash } from './spec-hash.js';

const SPEC = 'spec.json';

/** Keeps what a run was asked for beside its checkpoints, so that another run can go on from one of them. */
export async function keepSpec(folder: string, spec: TrainSpec): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeAtomic(join(folder, SPEC), [Buffer.from(`${JSON.stringify(spec, null, 2)}\n`)]);
}

/** What {@link keepSpec} has kept in a folder; null where it has nothing. */
export async function keptSpec(folder: string): Promise<TrainSpec | null> {
  const text = await readFile(join(folder, SPEC), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as TrainSpec);
}

/** A checkpoint of a run. */
export interface Origin {
  /** Folder of the run's checkpoints. */
  folder: string;
  step: number;
  /** Its identity: a run that goes on from it has it as {@link TrainSpec.origin}. */
  sha256: string;
}

/**
 * The checkpoint of a step, or the newest, of the run that a spec describes.
 * @throws RatchetError `E_NOT_FOUND` naming the steps there are
 */
export async function findOrigin(spec: TrainSpec, step: number | null): Promise<Origin> {
  const runs = (await readdir(spec.checkpointDir).catch(() => [])).filter((name) => name.startsWith('run-'));
  const found: { folder: string; step: number }[] = [];
  for (const run of runs) {
    const folder = join(spec.checkpointDir, run);
    for (const each of await listSteps(folder)) found.push({ folder, step: each });
  }
  const newest = found.toSorted((a, b) => b.step - a.step);
  const [origin] = step === null ? newest : newest.filter((each) => each.step === step);
  if (origin !== undefined) return { ...origin, sha256: await checkpointHash(origin.folder, origin.step) };
  const steps = newest.map((each) => each.step).toReversed();
  throw new RatchetError(
    'E_NOT_FOUND',
    step === null ? `${spec.checkpointDir} holds no checkpoint.` : `There is no checkpoint of step ${step}.`,
    {
      hint:
        steps.length === 0
          ? 'A finished `ratchet train` keeps its checkpoints only with --keep-checkpoints.'
          : `There are checkpoints of the steps ${steps.join(', ')}: a run keeps its two newest and its best.`,
    },
  );
}

/**
 * Lets the run of `spec` begin with another run's checkpoint: weights, moments, place in the data and random streams. The
 * spec must train the same parameters on the same rows in the same batches. A run that has begun already is left alone.
 */
export async function forkRun(origin: Origin, spec: TrainSpec): Promise<void> {
  const hash = await specHash(spec);
  const folder = join(spec.checkpointDir, `run-${hash.slice(0, 12)}`);
  if ((await listSteps(folder)).length > 0) return;
  const { tensors, state } = await loadCheckpoint(origin.folder, origin.step);
  const forked: RunState = { ...(state as RunState), specHash: hash };
  await saveCheckpoint(folder, origin.step, { tensors, state: forked });
}
