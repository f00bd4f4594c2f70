import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { keyOf, resolveFineTuning } from '../../config/resolve-fine-tuning.js';
import type { TrainResult, TrainSpec } from '../../engine/index.js';
import { findOrigin, forkRun, keepSpec, keptSpec, type Origin } from '../../engine/train/fork-run.js';
import { writeAtomic } from '../../engine/formats/atomic-write.js';
import type { ForkJob, JobContext } from './messages.js';
import { trainIntoFolder } from './train-job.js';

/** Settings that leave the trained parameters and the place in the data as they are, and where a spec has them. */
const CHANGEABLE: Record<string, 'parameters' | keyof TrainSpec> = {
  learningRate: 'parameters',
  numEpochs: 'parameters',
  maxSteps: 'parameters',
  warmupRatio: 'parameters',
  schedule: 'parameters',
  weightDecay: 'parameters',
  maxGradientNorm: 'parameters',
  loraDropout: 'parameters',
  loraPlusRatio: 'parameters',
  gradientCheckpointing: 'parameters',
  seed: 'seed',
  earlyStoppingPatience: 'patience',
  earlyStoppingThreshold: 'minimumImprovement',
  evalSteps: 'validateEverySteps',
  checkpointSteps: 'checkpointEverySteps',
};

/**
 * Trains on from a checkpoint of another run, with other settings where they are given. `<output>.run` keeps the checkpoints
 * and `fork.json`: from what, by whom, when and why. The same job again goes on where it was.
 *
 * @throws RatchetError; the signal's reason when stopped, after a checkpoint was saved
 */
export async function runForkJob(job: ForkJob, context: JobContext): Promise<TrainResult> {
  const outputDir = path.resolve(job.outputDir);
  const folder = `${outputDir}.run`;
  const known = await keptSpec(folder);
  const source = await findRun(job);
  const origin = await findOrigin(source.spec, job.step).catch((error: unknown) => {
    // A fork that is gone back to needs the other run's checkpoint no more.
    if (known === null) throw error;
    return null;
  });
  const forked = (from: Origin | null): TrainSpec => ({
    ...changedSpec(source.spec, job.changes),
    outputDir,
    checkpointDir: path.join(folder, 'checkpoints'),
    origin: known?.origin ?? from!.sha256,
  });
  const spec = forked(origin);
  return trainIntoFolder(spec, { folder, device: job.device, ...(job.threads && { threads: job.threads }) }, context, {
    async begin() {
      if (known !== null || origin === null) return;
      await forkRun(origin, spec);
      const from = { run: source.folder, step: origin.step, checkpoint: origin.sha256 };
      const note = { from, changes: job.changes, actor: job.actor, reason: job.reason, at: new Date().toISOString() };
      await writeAtomic(path.join(folder, 'fork.json'), [Buffer.from(`${JSON.stringify(note, null, 2)}\n`)]);
      // Last: a fork without it begins anew.
      await keepSpec(folder, spec);
      context.emit({ event: 'note', message: `Forked from step ${origin.step} of ${source.folder}.` });
    },
  });
}

/** The run that is named: the output folder of `ratchet train`, its `.run` folder, or `<loop>/round-<n>` of the data folder. */
async function findRun({ run, dataFolder }: ForkJob): Promise<{ folder: string; spec: TrainSpec }> {
  const round = path.join(dataFolder, 'loops', run);
  const folders = [path.resolve(run), `${path.resolve(run).replace(/\/+$/, '')}.run`, ...trainingsOf(round)];
  const found: { folder: string; spec: TrainSpec }[] = [];
  for (const folder of folders) {
    const spec = await keptSpec(folder);
    if (spec !== null) found.push({ folder, spec });
  }
  if (found.length === 1) return found[0]!;
  if (found.length > 1)
    throw new RatchetError('E_USAGE', `${run} has several trainings.`, {
      hint: `Name the folder of one: ${found.map((each) => each.folder).join(', ')}.`,
    });
  throw new RatchetError('E_NOT_FOUND', `There is no training run ${run}.`, {
    hint: 'Name the --output-dir of a `ratchet train`, or <loop>/round-<n> of a loop in the data folder.',
  });
}

/** Folders of a round's trainings, the newest first. */
function trainingsOf(round: string): string[] {
  if (!statSync(round, { throwIfNoEntry: false })?.isDirectory()) return [];
  const names = readdirSync(round).filter((name) => name.startsWith('training-'));
  return names.sort().map((name) => path.join(round, name));
}

/** The spec with other settings. @throws RatchetError `E_USAGE`, `E_CONFIG_INVALID` */
export function changedSpec(spec: TrainSpec, changes: Readonly<Record<string, string>>): TrainSpec {
  const settings = Object.entries(changes).map(([name, text]) => {
    const key = keyOf(name);
    if (!(key in CHANGEABLE))
      throw new RatchetError('E_USAGE', `A fork cannot change ${name}.`, {
        hint: `It can change ${Object.keys(CHANGEABLE).join(', ')}; for anything else start a new run.`,
      });
    const value = Number.isFinite(Number(text)) && text.trim() !== '' ? Number(text) : text;
    return { key, value: text === 'true' ? true : text === 'false' ? false : value, where: `--set ${name}` };
  });
  const valid = resolveFineTuning(settings, 'generation') as Record<string, unknown>;
  const changed = { ...spec, parameters: { ...spec.parameters } };
  for (const { key } of settings) {
    const place = CHANGEABLE[key]!;
    // Epochs hold only where no number of steps does.
    if (key === 'numEpochs') delete changed.parameters.maxSteps;
    Object.assign(place === 'parameters' ? changed.parameters : changed, {
      [place === 'parameters' ? key : place]: valid[key],
    });
  }
  return changed;
}
