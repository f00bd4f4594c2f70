import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactRef, TrainingParameters } from '../config/domain.js';
import { RatchetError } from '../config/errors.js';
import { configHash } from '../config/hash.js';
import type { LoopConfig } from '../config/loop.js';
import { writeFolderAtomic } from '../engine/formats/atomic-write.js';
import { fileSha256 } from '../engine/formats/file-sha256.js';
import { readAdapter, readSafetensors, writeAdapter, writeSafetensors, type Engine } from '../engine/index.js';
import { stepOuterOptimizer } from '../learning/training/outer-optimizer.js';
import type { ShardPlan } from '../learning/training/plan-shards.js';
import { modelFolder, roundFolder, RoundFiles, type Dependencies } from './dependencies.js';
import type { RoundKey } from './interfaces.js';
import type { ModelReference } from './loop-state.js';
import type { TrainingRecord } from './run-log.js';
import { runTraining } from './run-training.js';
import { trainingSpec } from './training.js';

/** What all parts of one shared training are told. */
export interface SharedTraining {
  key: RoundKey;
  config: LoopConfig;
  planRef: ArtifactRef;
  /** Of the training as a whole. */
  parameters: TrainingParameters;
  plan: ShardPlan;
}

/** What a worker has trained between two averages. */
export interface ShardResult {
  /** The folder holds the worker's optimizer as well. */
  model: ModelReference;
  /** Rows: its steps. */
  logRef: ArtifactRef;
  /** Null without validation rows. */
  validationLoss: number | null;
  truncatedRows: number;
}

/** Task queue `gpu`. */
export interface DataParallelGpuActivities {
  /**
   * The local steps `from` … `to` of one shard; with equal ends only validates the weights it is given (or, before the first
   * average, writes them). Resumes from the newest checkpoint on its disk, or else trains the segment anew: the same bits.
   */
  trainShard(
    input: SharedTraining & {
      validationRef: ArtifactRef | null;
      /** Number of the average that the steps lead to; 0 before the first. */
      outer: number;
      shard: number;
      from: number;
      to: number;
      /** What every worker starts from; null: a new adapter. */
      start: ModelReference | null;
      /** This shard's result of the round before; null for the first. */
      previous: ModelReference | null;
    },
  ): Promise<ShardResult>;
}

/** Task queue `cpu`. */
export interface DataParallelCpuActivities {
  /** Brings the workers' adapters together with the outer optimizer; in the order of the shards, whoever came first. */
  averageShards(
    input: SharedTraining & {
      outer: number;
      /** What the workers started from; its folder holds the outer optimizer's momentum after the first average. */
      former: ModelReference;
      shards: ShardResult[];
      /** The log up to here. */
      logRef: ArtifactRef | null;
      /** Average that stays on the disk beside the newest ones. */
      keep: number | null;
    },
  ): Promise<{ model: ModelReference; logRef: ArtifactRef }>;
  /** Makes an average the training's model version. `trainLoss`: of the last epoch. */
  finishParallel(
    input: SharedTraining & { model: ModelReference; outputName: string; logRef: ArtifactRef },
  ): Promise<{ model: ModelReference; trainLoss: number; logRef: ArtifactRef }>;
}

/** Momentum of the outer optimizer, beside the adapter it belongs to. */
const MOMENTUM = 'outer-momentum.safetensors';
const WEIGHTS = 'adapter_model.safetensors';

/** Other parameters, rows or ways of sharing are another training, in another folder. */
function sharedFolder({ key, config, parameters, planRef }: SharedTraining): string {
  const { dataParallel } = config.training;
  return `${roundFolder(key)}/parallel-${configHash({ parameters, planRef, dataParallel }).slice(0, 12)}`;
}

/** Stage 8 on several workers: the device's part. */
export function createDataParallelGpuActivities(deps: Dependencies & { engine: Engine }): DataParallelGpuActivities {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async trainShard(input) {
      const { key, plan, shard, outer, from, to, start, previous } = input;
      const name = `outer-${outer}/${from === to ? 'look' : `shard-${shard}`}`;
      const run = `${sharedFolder(input)}/${name}`;
      const output = `${run}/model`;
      for (const model of [start, previous]) if (model !== null) await checkAdapter(files, model);
      const { batchSize, gradientAccumulationSteps } = plan;
      const parameters = { ...input.parameters, batchSize, gradientAccumulationSteps };
      const spec = trainingSpec(files, { ...input, parameters, initialModel: start }, run, output);
      const { result, log } = await runTraining(deps, run, {
        ...spec,
        parameters: { ...spec.parameters, maxSteps: plan.totalSteps },
        segment: {
          shard,
          shards: plan.workers,
          from,
          to,
          ...(previous && { previousDir: files.path(previous.path) }),
        },
      });
      const own = log.filter(({ kind }) => kind !== 'checkpoint');
      return {
        model: { id: name, path: output, sha256: result.sha256 },
        logRef: await files.write(key, path.relative(roundFolder(key), `${run}/steps`), own),
        validationLoss: result.validationLoss,
        truncatedRows: result.truncatedRows,
      };
    },
  };
}

/** Stage 8 on several workers: where they meet. */
export function createDataParallelCpuActivities(deps: Dependencies): DataParallelCpuActivities {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async averageShards(input) {
      const { key, config, outer, former, shards, keep } = input;
      const folder = `${sharedFolder(input)}/outer-${outer}/average`;
      const before = await checkAdapter(files, former);
      const workers = [];
      for (const { model } of shards) workers.push(await checkAdapter(files, model));
      const momentum = existsSync(files.path(`${former.path}/${MOMENTUM}`))
        ? (await readSafetensors(files.path(`${former.path}/${MOMENTUM}`))).tensors
        : null;
      const averaged = new Map(before.tensors);
      const kept: typeof averaged = new Map();
      for (const [name, tensor] of before.tensors) {
        const own = workers.map(({ tensors }) => floatsOf(tensors.get(name), name));
        const known = momentum === null ? null : floatsOf(momentum.get(name), name);
        const step = stepOuterOptimizer(config.training.dataParallel.outer, floatsOf(tensor, name), own, known);
        averaged.set(name, { ...tensor, data: step.weights });
        if (step.momentum !== null) kept.set(name, { ...tensor, data: step.momentum });
      }
      await writeFolderAtomic(files.path(folder), async (temporary) => {
        await writeAdapter(temporary, { config: before.config, tensors: averaged });
        if (kept.size > 0) await writeSafetensors(path.join(temporary, MOMENTUM), kept);
      });
      const sha256 = await fileSha256(files.path(`${folder}/${WEIGHTS}`));
      const logs = await Promise.all(shards.map(({ logRef }) => files.read<TrainingRecord>(logRef)));
      const steps = logs.map((log) => log.filter((record) => record.kind === 'step'));
      const known = input.logRef === null ? [] : await files.read<TrainingRecord>(input.logRef);
      // Every shard reads the whole file, and tells of its unfit rows in every round of local steps.
      const told = new Set(known.flatMap((record) => (record.kind === 'unfit-row' ? [record.id] : [])));
      const unfit = logs[0]!.filter((record) => record.kind === 'unfit-row' && !told.has(record.id));
      const step = { kind: 'checkpoint', step: steps[0]!.at(-1)!.step, path: folder, sha256 } as const;
      const log = [...known, ...unfit, ...mergeSteps(steps), step];
      const logRef = await files.write(key, path.relative(roundFolder(key), `${folder}-log`), log);
      await forget(files.path(sharedFolder(input)), outer, keep);
      return { model: { id: `outer-${outer}`, path: folder, sha256 }, logRef };
    },

    async finishParallel(input) {
      const { key, parameters, plan, model, outputName } = input;
      const log = await files.read<TrainingRecord>(input.logRef);
      const output = modelFolder(key, outputName, parameters);
      const adapter = await checkAdapter(files, model);
      await writeFolderAtomic(files.path(output), (temporary) => writeAdapter(temporary, adapter));
      const last = log.filter((record) => record.kind === 'step').slice(-plan.stepsPerEpoch);
      const tokens = last.reduce((sum, step) => sum + step.tokens, 0);
      return {
        model: { id: outputName, path: output, sha256: await fileSha256(files.path(`${output}/${WEIGHTS}`)) },
        trainLoss: last.reduce((sum, { loss, tokens: own }) => sum + loss * own, 0) / tokens,
        logRef: await files.write(key, 'training-log', log),
      };
    },
  };
}

type StepRecord = Extract<TrainingRecord, { kind: 'step' }>;

/** The steps of all workers as those of one: losses by token, the longest time. */
function mergeSteps(shards: readonly StepRecord[][]): StepRecord[] {
  return shards[0]!.map((first, place) => {
    const all = shards.map((steps) => steps[place]!);
    const tokens = all.reduce((sum, step) => sum + step.tokens, 0);
    return {
      ...first,
      tokens,
      loss: all.reduce((sum, step) => sum + step.loss * step.tokens, 0) / tokens,
      gradientNorm: all.reduce((sum, step) => sum + step.gradientNorm, 0) / all.length,
      milliseconds: Math.max(...all.map((step) => step.milliseconds)),
    };
  });
}

/** Reads an adapter and makes sure that it is the one that was meant. */
async function checkAdapter(files: RoundFiles, { path: folder, sha256 }: ModelReference) {
  const found = await fileSha256(files.path(`${folder}/${WEIGHTS}`));
  if (found !== sha256)
    throw new RatchetError(
      'E_DATA_INVALID',
      `${folder}/${WEIGHTS} was changed: its SHA-256 is ${found}, not ${sha256}.`,
      {
        hint: 'Files in the data folder are written by Ratchet alone; restore it from a copy.',
      },
    );
  return readAdapter(files.path(folder));
}

function floatsOf(tensor: { data: unknown } | undefined, name: string): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new RatchetError('E_MODEL_INVALID', `An adapter to average has no float32 tensor "${name}".`, {
    hint: 'All workers must train the same base model with the same settings.',
  });
}

/** Removes what no worker starts from any more: all rounds but the two newest and the one to keep. */
async function forget(folder: string, outer: number, keep: number | null): Promise<void> {
  for (const name of await readdir(folder)) {
    const number = Number(/^outer-(\d+)$/.exec(name)?.[1] ?? Infinity);
    if (number < outer - 1 && number !== keep) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}
