import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { PREPARED_FILES, prepareTrainingData } from '../../activities/training-data.js';
import { openTrainingLog } from '../../activities/run-log.js';
import { RatchetError } from '../../config/errors.js';
import type { FineTuningConfig } from '../../config/fine-tuning.js';
import { resolveFineTuning, type Setting } from '../../config/resolve-fine-tuning.js';
import { executionOf } from '../../engine/devices/index.js';
import { newHeadLabels, readModelConfig, withLabels } from '../../engine/nn/new-head.js';
import { selectDevice, trainModel, type TrainResult, type TrainRuntime, type TrainSpec } from '../../engine/index.js';
import { createTrainingGraphs } from '../../engine/train/step.js';
import { keepSpec } from '../../engine/train/fork-run.js';
import { specHash } from '../../engine/train/spec-hash.js';
import { acquireLock, type Lock, type LockHolder } from '../lock.js';
import { findModel } from './find-model.js';
import type { JobContext, TrainJob } from './messages.js';
import { objectiveOf, planTrainingRun, trainSpecOf, type TrainingPlan } from './plan-training-run.js';

/**
 * Trains on a user's file. Beside the output folder, `<output>.run` keeps the rows as they were read, the ledger of
 * rejected ones, a log of the steps and the checkpoints; the same job again goes on from there to the same bits.
 *
 * @returns null for a dry run, which only tells its plan
 * @throws RatchetError; the signal's reason when stopped, after a checkpoint was saved
 */
export async function runTrainJob(job: TrainJob, context: JobContext): Promise<TrainResult | null> {
  const outputDir = path.resolve(job.outputDir);
  refuseForeign(outputDir);
  const folder = job.dryRun ? mkdtempSync(path.join(tmpdir(), 'ratchet-plan-')) : `${outputDir}.run`;
  if (job.dryRun) {
    try {
      const { plan } = await prepare(job, outputDir, folder, context);
      context.emit({ event: 'plan', ...plan, data: { ...plan.data, ledger: null } });
      return null;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const lock = await holdFolder(folder);
  try {
    // The rows of the run that is there stay until it is clear that this one may take its place.
    const staging = path.join(folder, 'new');
    const { plan, model } = await prepare(job, outputDir, staging, context);
    if (job.mode !== 'fresh') await refuseOther(trainSpecOf(plan, model, folder));
    if (job.mode === 'resume') requireStarted(outputDir, folder);
    const data = plan.refused ? plan.data : dataIn(folder, plan.data);
    context.emit({ event: 'plan', ...plan, data });
    if (plan.refused) throw new RatchetError('E_OUT_OF_MEMORY', plan.refused.message, { hint: plan.refused.hint });
    const runtime = await runtimeOf(plan.config, job.threads);
    // Only now: a mistyped file or setting costs nobody a finished adapter.
    if (job.mode === 'fresh') startOver(outputDir, folder);
    replaceData(staging, folder);
    const spec = trainSpecOf({ ...plan, data }, model, folder);
    await keepSpec(folder, spec);
    const result = await train(spec, runtime, plan.stepsPerEpoch, path.join(folder, 'log.jsonl'), context);
    if (!job.keepCheckpoints) rmSync(spec.checkpointDir, { recursive: true, force: true });
    return result;
  } finally {
    lock.release();
  }
}

/**
 * Runs a training whose spec is known into its output folder, which nobody else trains into meanwhile. `begin` is called
 * before the first step, with the folder held. The checkpoints stay.
 */
export async function trainIntoFolder(
  spec: TrainSpec,
  { folder, device, threads }: { folder: string; device: FineTuningConfig['device']; threads?: number },
  context: JobContext,
  { begin }: { begin(): Promise<void> },
): Promise<TrainResult> {
  refuseForeign(spec.outputDir);
  const lock = await holdFolder(folder);
  try {
    await refuseOther(spec);
    await begin();
    const runtime = await runtimeOf({ device, useGpu: null }, threads);
    return await train(spec, runtime, null, path.join(folder, 'log.jsonl'), context);
  } finally {
    lock.release();
  }
}

async function prepare(job: TrainJob, outputDir: string, folder: string, context: JobContext) {
  const settingOf = (key: string) => job.settings.findLast((setting: Setting) => setting.key === key)?.value;
  const fallback = resolveFineTuning(
    [],
    settingOf('task') === 'classification' ? 'classification' : 'generation',
  ).model;
  const modelDir = await findModel(String(settingOf('model') ?? fallback), job.modelCache, context);
  const model = await readModelConfig(modelDir);
  const config = resolveFineTuning(job.settings, taskOf(settingOf('task'), model.kind === 'classifier'));
  if (config.task === 'generation' && config.objective === 'distillation' && config.teacher === null)
    throw new RatchetError('E_CONFIG_INVALID', 'teacher: the objective distillation needs a model folder.', {
      hint: 'Give --teacher DIR.',
    });
  const labels = config.task === 'classification' ? await newHeadLabels(modelDir, model, config.labels) : null;
  const data = await prepareTrainingData({
    file: job.file,
    ...(job.evalFile !== undefined && { evalFile: job.evalFile }),
    evalRatio: config.evalRatio,
    modelDir,
    maxLength: config.maxLength,
    labels,
    objective: (kind) => objectiveOf(config, kind),
    curriculum: config.curriculum,
    seed: config.seed,
    folder,
  });
  const plan = planTrainingRun(config, withLabels(model, labels), data, { modelDir, outputDir, newHead: labels });
  return { plan, model };
}

/** Prepared data when its files have been moved to a folder. */
function dataIn(folder: string, data: TrainingPlan['data']): TrainingPlan['data'] {
  const { validation, ledger } = data;
  const moved = (file: string) => path.join(folder, path.basename(file));
  return {
    ...data,
    train: { ...data.train, file: moved(data.train.file) },
    validation: validation && { ...validation, file: moved(validation.file) },
    ledger: ledger && moved(ledger),
  };
}

/** Moves prepared files to a folder, in place of those of before. */
function replaceData(from: string, to: string): void {
  for (const name of PREPARED_FILES) {
    rmSync(path.join(to, name), { force: true });
    if (existsSync(path.join(from, name))) renameSync(path.join(from, name), path.join(to, name));
  }
  rmSync(from, { recursive: true });
}

function taskOf(asked: unknown, classifier: boolean): FineTuningConfig['task'] {
  if (asked === undefined) return classifier ? 'classification' : 'generation';
  if (asked === 'generation' || asked === 'classification') return asked;
  throw new RatchetError(
    'E_CONFIG_INVALID',
    `task: must be "generation" or "classification", got ${JSON.stringify(asked)}.`,
  );
}

/** The device that the settings ask for, with room for the graphs of its shapes. */
async function runtimeOf(
  { device, useGpu }: Pick<FineTuningConfig, 'device' | 'useGpu'>,
  threads: number | undefined,
): Promise<TrainRuntime> {
  const forced = useGpu === null ? {} : { useGpu };
  // A GPU that is only asked for in general may be any of them.
  const selected = await selectDevice({ device: useGpu === true && device === 'cpu' ? 'auto' : device, ...forced });
  const options = { ...(threads !== undefined && { threads }), ...executionOf(selected.device) };
  return { device: selected, graphs: createTrainingGraphs(options) };
}

async function train(
  spec: TrainSpec,
  runtime: TrainRuntime,
  stepsPerEpoch: number | null,
  logFile: string,
  { emit, signal }: JobContext,
): Promise<TrainResult> {
  const log = openTrainingLog(logFile);
  return trainModel(
    spec,
    {
      signal,
      onStep: (report) => {
        log.append({ kind: 'step', ...report });
        emit({ event: 'step', epoch: stepsPerEpoch === null ? null : report.step / stepsPerEpoch, ...report });
      },
      onCheckpoint: ({ step, path: file, sha256 }) => {
        log.append({ kind: 'checkpoint', step, path: file, sha256 });
        emit({ event: 'checkpoint', step, path: file });
      },
      onValidation: (validation) => emit({ event: 'validation', ...validation }),
      onWarning: (warning) => emit({ event: 'warning', ...warning }),
    },
    runtime,
  );
}

/** A folder that holds anything but a training's output is never replaced. */
function refuseForeign(outputDir: string): void {
  if (!existsSync(outputDir) || existsSync(path.join(outputDir, 'training.json'))) return;
  if (readdirSync(outputDir).length === 0) return;
  throw new RatchetError('E_USAGE', `${outputDir} is not empty, and no training of Ratchet wrote it.`, {
    hint: 'Choose a new folder with --output-dir.',
  });
}

/** Another run's result is replaced only when that is asked for. */
async function refuseOther(spec: TrainSpec): Promise<void> {
  const text = await readFile(path.join(spec.outputDir, 'training.json'), 'utf8').catch(() => null);
  if (text === null) return;
  if ((JSON.parse(text) as { specHash?: unknown }).specHash === (await specHash(spec))) return;
  throw new RatchetError('E_USAGE', `${spec.outputDir} holds the result of another run.`, {
    hint: 'Choose another folder with --output-dir, or replace it with --fresh.',
  });
}

function requireStarted(outputDir: string, folder: string): void {
  if (existsSync(path.join(folder, 'checkpoints')) || existsSync(path.join(outputDir, 'training.json'))) return;
  throw new RatchetError('E_NOT_FOUND', `There is no run to go on with beside ${outputDir}.`, {
    hint: 'Leave --resume out to start one.',
  });
}

/** What a training leaves in its folder beside the rows, which are written anew. */
const OF_A_RUN = ['checkpoints', 'fork.json', 'log.jsonl', 'spec.json'];

/** Removes what an earlier training wrote, and nothing that lies beside it. */
function startOver(outputDir: string, folder: string): void {
  for (const place of [outputDir, ...OF_A_RUN.map((name) => path.join(folder, name))])
    rmSync(place, { recursive: true, force: true });
}

const LOCK_SECONDS = 10;

/** One process trains into a folder; one that was killed may need a moment to end. */
async function holdFolder(folder: string): Promise<Lock<LockHolder>> {
  const deadline = performance.now() + LOCK_SECONDS * 1000;
  for (;;) {
    const attempt = acquireLock<LockHolder>(path.join(folder, 'lock'), {});
    if (attempt.acquired) return attempt.lock;
    if (performance.now() > deadline)
      throw new RatchetError('E_LOCKED', `Process ${attempt.holder.pid} trains into ${folder.replace(/\.run$/, '')}.`, {
        hint: 'Wait for it, stop it, or choose another --output-dir.',
      });
    await wait(100);
  }
}
