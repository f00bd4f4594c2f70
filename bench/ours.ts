/**
 * The Ratchet side of bench/train-step.ts: `ours.js FOLDER THREADS SETTINGS`. Same protocol as peer.py: a line when ready,
 * one step for each line on standard input, the peak memory at its end.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAdapter } from '../engine/formats/peft.js';
import { loadModel } from '../engine/nn/load-model.js';
import { loraFromPeft } from '../engine/peft/from-peft.js';
import { quantizeModel } from '../engine/quantization/quantized-weight.js';
import { padRight } from '../engine/train/batch-plan.js';
import type { MicroBatch } from '../engine/train/loss.js';
import { packRows } from '../engine/train/packing.js';
import { TrainStep } from '../engine/train/step.js';
import { answerSteps } from './answer.js';
import type { OwnSettings, Row, Workload } from './workloads.js';

const LEARNING_RATE = 1e-4;
const [folder, threads, settingsText] = process.argv.slice(2) as [string, string, string];
const settings = JSON.parse(settingsText) as OwnSettings;
const work = JSON.parse(readFileSync(join(folder, 'workload.json'), 'utf8')) as Omit<Workload, 'model'> & {
  model: string;
  steps: Row[][];
};

function batchesOf(rows: readonly Row[]): MicroBatch[] {
  const tokens = rows.map(({ ids, prompt }, i) => ({ id: String(i), tokens: ids, promptLength: prompt }));
  if (settings.packing) return packRows(tokens, rows.length, 1024);
  const batch = padRight(tokens, rows.length, 1024);
  return [rows[0]!.label === undefined ? batch : { ...batch, labels: rows.map((row) => row.label!) }];
}

async function createTrainer(): Promise<TrainStep> {
  const { config, weights } = await loadModel(work.model);
  const adapter = work.lora ? loraFromPeft(config, await readAdapter(join(folder, 'adapter'))) : null;
  const common = {
    config,
    adapter,
    weightDecay: 0.01,
    maxGradientNorm: 1,
    threads: Number(threads),
    inPlace: true,
    gradientCheckpointing: settings.checkpointing,
  };
  if (!settings.quantized) return new TrainStep({ ...common, weights });
  return new TrainStep({ ...common, ...quantizeModel(config, weights) });
}

const trainer = await createTrainer();
await answerSteps({ node: process.version }, async (index) => {
  const { loss } = await trainer.step(batchesOf(work.steps[index]!), LEARNING_RATE);
  return { loss };
});
await trainer.release();
