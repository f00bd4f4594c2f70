import path from 'node:path';
import { Context } from '@temporalio/activity';
import type { Engine, TrainResult, TrainSpec } from '../engine/index.js';
import { keepSpec } from '../engine/train/fork-run.js';
import { RoundFiles, type Dependencies } from './dependencies.js';
import { claimFence, currentHolder } from './fence.js';
import type { TrainingHeartbeat } from './interfaces.js';
import { observeTraining } from './observe-training.js';
import { openTrainingLog, type TrainingRecord } from './run-log.js';

/**
 * Runs the engine inside an activity: the folder `run` is fenced off from earlier attempts, its log goes on where a killed
 * attempt left it, heartbeats tell the step, and a cancellation saves a checkpoint.
 *
 * @returns the result, and every step, every checkpoint and every unfit row of the run
 */
export async function runTraining(
  deps: Dependencies & { engine: Engine },
  run: string,
  spec: TrainSpec,
): Promise<{ result: TrainResult; log: TrainingRecord[] }> {
  const context = Context.current();
  const files = new RoundFiles(deps.dataFolder);
  const heartbeat: TrainingHeartbeat = { step: 0, totalSteps: 0, loss: Number.NaN, checkpoint: null };
  const fence = await claimFence(files.path(run), currentHolder(context.info));
  const log = openTrainingLog(files.path(`${run}/log.jsonl`));
  const observer = observeTraining();
  await keepSpec(files.path(run), spec);
  const alive = setInterval(() => context.heartbeat({ ...heartbeat }), 1000);
  try {
    const result = await deps.engine.train(spec, {
      signal: context.cancellationSignal,
      beforeWrite: fence.check,
      onStep: (report) => {
        log.append({ kind: 'step', ...report });
        observer.step(report);
        Object.assign(heartbeat, { step: report.step, totalSteps: report.totalSteps, loss: report.loss });
        context.heartbeat({ ...heartbeat });
      },
      onCheckpoint: (checkpoint) => {
        heartbeat.checkpoint = path.relative(deps.dataFolder, checkpoint.path);
        log.append({ kind: 'checkpoint', ...checkpoint, path: heartbeat.checkpoint });
        observer.checkpoint(checkpoint.step);
        context.heartbeat({ ...heartbeat });
      },
    });
    for (const row of result.unfitRows ?? []) log.append({ kind: 'unfit-row', ...row });
    return { result, log: log.rows };
  } finally {
    clearInterval(alive);
  }
}
