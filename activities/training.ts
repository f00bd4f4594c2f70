import { rm } from 'node:fs/promises';
import type { BatchRow, ExampleRow } from '../config/domain.js';
import { configHash } from '../config/hash.js';
import { formatPrompt } from '../datasets/index.js';
import type { Engine, TrainSpec } from '../engine/index.js';
import { exampleWeights } from '../learning/reward/example-weights.js';
import { stoppingPatience } from '../learning/tracking/validation-use.js';
import { planTraining } from '../learning/training/plan-training.js';
import type { Store } from '../store/store.js';
import type { TrainingStepRow } from '../store/types.js';
import {
  baseModelFolder,
  modelFolder,
  roundFolder,
  RoundFiles,
  trialsFolder,
  type Dependencies,
} from './dependencies.js';
import type { CpuActivities, GpuActivities, StoreActivities } from './interfaces.js';
import type { ModelReference } from './loop-state.js';
import type { TrainingRecord } from './run-log.js';
import { runTraining } from './run-training.js';

/** Stage 8, before the device: which rows, in which order, from which model. */
export function createTrainingCpuActivities(deps: Dependencies): Pick<CpuActivities, 'planTraining'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async planTraining({ key, config, batchesRef, examplesRef, earlierExamplesRef, parameters, champion }) {
      const batches = await files.read<BatchRow>(batchesRef);
      const known = [
        ...(await files.readEarlier(earlierExamplesRef, config)),
        ...(await files.read<ExampleRow>(examplesRef)),
      ];
      const batched = new Set(batches.flatMap((batch) => batch.exampleIds));
      const types = new Set(batches.map((batch) => batch.artifactType));
      const examples = known
        .filter((row) =>
          row.split === 'validation' ? types.has(row.artifactType) : batched.has(row.parentId ?? row.id),
        )
        .map((row) => ({ ...row, input: formatPrompt(row.artifactType, row.input) }));
      const plan = planTraining({
        examples,
        parameters: { ...parameters },
        curriculum: config.components.curriculum,
        seed: config.seed + key.round,
        ...(config.reward.weighExamples && { weightOf: exampleWeights(examples, config.reward) }),
      });
      return {
        planRef: await files.write(key, 'train', plan.train),
        validationRef: plan.validation.length === 0 ? null : await files.write(key, 'validation', plan.validation),
        initialModel: champion,
      };
    },
  };
}

/** Stage 8: training. */
export function createTrainingGpuActivities(
  deps: Dependencies & { engine: Engine },
): Pick<GpuActivities, 'trainModel'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async trainModel({ outputName, ...input }) {
      const { key, planRef, parameters, objective } = input;
      // Other parameters are another run: its checkpoints and its output must not be mistaken for this one's.
      const run = `${roundFolder(key)}/training-${configHash({ parameters, planRef }).slice(0, 12)}`;
      const output = modelFolder(key, outputName, parameters);
      const { result, log } = await runTraining(deps, run, trainingSpec(files, input, run, output));
      return {
        run: {
          steps: result.steps,
          trainLoss: result.trainLoss,
          validationLoss: result.validationLoss,
          bestStep: result.bestStep,
          stoppedEarly: result.stoppedEarly,
          truncatedRows: result.truncatedRows,
        },
        model: { id: outputName, path: output, sha256: result.sha256 },
        logRef: await files.write(key, objective ? 'preference-log' : 'training-log', log),
      };
    },
  };
}

/** What the engine is told of a run that keeps its checkpoints below `run` and leaves its model in `output`. */
export function trainingSpec(
  files: RoundFiles,
  input: Omit<Parameters<GpuActivities['trainModel']>[0], 'outputName'>,
  run: string,
  output: string,
): TrainSpec {
  const { key, config, planRef, validationRef, parameters, initialModel, objective } = input;
  // What the round or a trial chose lies above the settings; what it does not choose is theirs.
  const { checkpointEverySteps, dataParallel: _, ...settings } = config.training;
  const patience = stoppingPatience(config);
  return {
    modelDir: baseModelFolder(config),
    strategy: config.strategy,
    ...(initialModel && { initialAdapterDir: files.path(initialModel.path) }),
    trainFile: files.path(planRef.uri),
    ...(validationRef && { validationFile: files.path(validationRef.uri) }),
    outputDir: files.path(output),
    checkpointDir: files.path(`${run}/checkpoints`),
    checkpointEverySteps,
    leaveOutUnfitRows: true,
    seed: config.seed + key.round,
    // Packing mixes rows, and pairs are compared whole.
    parameters: { ...settings, ...parameters, ...(objective && { packing: false }) },
    ...(objective && { objective }),
    ...(patience !== undefined && { patience }),
    // With a curriculum the file's order, easy to hard, is the lesson plan of the first epoch.
    shuffleFirstEpoch: objective !== undefined || !config.components.curriculum,
  };
}

/** Stage 8, the store's part. */
export function createTrainingStoreActivities(
  deps: Dependencies & { store: Store },
): Pick<StoreActivities, 'recordTraining' | 'earlierExamples' | 'recentModels'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async earlierExamples({ key }) {
      const examples = await deps.store.allExamples(key.loop, key.round - 1);
      return examples.length === 0 ? null : files.write(key, 'earlier-examples', examples);
    },

    async recentModels({ loop, limit, before = Number.POSITIVE_INFINITY }) {
      const counted: ModelReference[] = [];
      for (const { id, path, sha256, round } of (await deps.store.modelVersions(loop)).toReversed()) {
        if (counted.length === limit) break;
        if (round < before && !(await deps.store.isSuperseded(loop, round))) counted.push({ id, path, sha256 });
      }
      return counted;
    },

    async recordTraining({ key, parameters, planRef, run, model, parent, logRef, rows }) {
      const id = `${roundFolder(key)}/${rows ?? 'train'}`;
      await deps.store.recordTrainingRun({
        id,
        loop: key.loop,
        round: key.round,
        kind: rows ?? 'round',
        status: 'completed',
        parameters: { ...parameters },
        trainFile: planRef,
        sha256: model.sha256,
        outputDir: model.path,
        ...(parent !== null && { initialAdapter: parent }),
        steps: run.steps,
        trainLoss: run.trainLoss,
        validationLoss: run.validationLoss,
        bestStep: run.bestStep,
        stoppedEarly: run.stoppedEarly,
        truncatedRows: run.truncatedRows,
      });
      const log = await files.read<TrainingRecord>(logRef);
      await deps.store.recordSteps(
        id,
        log.flatMap(({ kind, ...step }) => (kind === 'step' ? [step as TrainingStepRow] : [])),
      );
      const unfit = log.filter((record) => record.kind === 'unfit-row');
      if (unfit.length > 0) {
        const planned = new Map((await files.read<{ id: string }>(planRef)).map((row) => [row.id, row]));
        await deps.store.rejectRows(
          unfit.map(({ id: row, reason }) => ({
            source: 'training',
            line: 0,
            field: 'completion',
            reason,
            raw: JSON.stringify(planned.get(row) ?? { id: row }),
          })),
        );
      }
      for (const record of log) {
        if (record.kind !== 'checkpoint') continue;
        await deps.store.recordCheckpoint({ runId: id, step: record.step, path: record.path, sha256: record.sha256 });
      }
      await deps.store.recordModelVersion({
        ...model,
        loop: key.loop,
        round: key.round,
        runId: id,
        champion: false,
        ...(parent !== null && { parentId: parent }),
      });
      // The trials have led to this run; nothing reads their checkpoints and models any more.
      await rm(files.path(trialsFolder(key)), { recursive: true, force: true });
    },
  };
}
