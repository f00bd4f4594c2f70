import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAdapter, writeAdapter, type Adapter } from '../../engine/formats/peft.js';
import { readSafetensors } from '../../engine/formats/safetensors.js';
import { loadModel, type LoadedModel } from '../../engine/nn/load-model.js';
import { createSchedule } from '../../engine/optim/schedules/create-schedule.js';
import { loraFromPeft } from '../../engine/peft/from-peft.js';
import type { LoraAdapter } from '../../engine/peft/lora.js';
import { mergeLora } from '../../engine/peft/merge.js';
import { evaluateForward, TrainStep } from '../../engine/train/step.js';
import { batchOf, floatsOf } from './reference-tensors.js';
import { largestDifference, type CaseRecorder } from './report.js';

/** Tolerances of the fixtures' README. */
const FORWARD = 2e-5;
const TRAJECTORY = 1e-4;
const ADAPTER = 5e-4;
const AFTER_TRAINING = 1e-3;
const LEARNING_RATE = 1e-12;

interface Trajectory {
  meta: {
    base: string;
    steps: number;
    accum: number;
    lr: number;
    weight_decay: number;
    clip: number;
    warmup: number;
    betas: [number, number];
    eps: number;
    variant: Record<string, unknown>;
    accumulation?: string;
    loraplus_lr_ratio?: number;
  };
  loss: number[];
  grad_norm: number[];
  lr: number[];
}

/** Why this engine cannot follow the trajectory; null when it can. */
function unsupported({ meta }: Trajectory): string | null {
  const known = new Set(['target_modules', 'use_rslora', 'use_dora', 'init_lora_weights']);
  const others = Object.keys(meta.variant).filter((name) => !known.has(name));
  if (others.length > 0) return `${others.join(', ')} is not implemented`;
  return null;
}

/** lora/CASE for causal language models: the training trajectory, its result and the PEFT folder we write. */
export async function checkLora(folder: string, record: CaseRecorder): Promise<void> {
  const trajectory = JSON.parse(await readFile(join(folder, 'trajectory.json'), 'utf8')) as Trajectory;
  const reason = unsupported(trajectory);
  if (reason !== null) return record.unknown('', reason);
  const model = await loadModel(join(folder, trajectory.meta.base));
  const initial = loraFromPeft(model.config, await readAdapter(join(folder, 'initial')));
  const reference = await readAdapter(join(folder, 'final'));
  const { tensors: expected } = await readSafetensors(join(folder, 'expected.safetensors'));
  const probe = batchOf(expected, 'probe.');
  const compare = async (
    name: string,
    subject: LoadedModel & { adapter?: LoraAdapter },
    against: string,
    tolerance: number,
  ) => {
    const { logits } = await evaluateForward(subject, probe);
    record.within(name, largestDifference(logits, floatsOf(expected, against)), tolerance);
  };

  await compare('initial_logits', { ...model, adapter: initial }, 'probe.logits_initial', FORWARD);
  const trained = await train(folder, trajectory, model, initial, record);
  let largest = 0;
  for (const name of new Set([...reference.tensors.keys(), ...trained.tensors.keys()])) {
    const ours = trained.tensors.get(name)?.data as Float32Array | undefined;
    const difference = largestDifference(ours ?? [], floatsOf(reference.tensors, name));
    largest = Math.max(largest, difference);
  }
  record.within('final_adapter', largest, ADAPTER);
  await compare('probe_logits', { ...model, adapter: trained }, 'probe.logits_adapter', AFTER_TRAINING);
  const merged: LoadedModel = { config: model.config, weights: mergeLora(model.weights, trained) };
  await compare('merged_logits', merged, 'probe.logits_merged', AFTER_TRAINING);
  const loaded = loraFromPeft(model.config, reference);
  await compare('reloaded_logits', { ...model, adapter: loaded }, 'probe.logits_adapter', FORWARD);
  await checkFolder(trained, reference, record);
}

async function train(
  folder: string,
  { meta, ...expected }: Trajectory,
  model: LoadedModel,
  adapter: LoraAdapter,
  record: CaseRecorder,
): Promise<LoraAdapter> {
  const { tensors: batches } = await readSafetensors(join(folder, 'batches.safetensors'));
  const step = new TrainStep({
    config: model.config,
    weights: model.weights,
    adapter,
    weightDecay: meta.weight_decay,
    maxGradientNorm: meta.clip,
    loraPlusRatio: meta.loraplus_lr_ratio,
    accumulation: meta.accumulation === 'mean_of_means' ? 'mean' : 'tokens',
    optimizer: { name: 'adamw', beta1: meta.betas[0], beta2: meta.betas[1], epsilon: meta.eps },
  });
  const schedule = createSchedule('linear', {
    learningRate: meta.lr,
    totalSteps: meta.steps,
    warmupSteps: meta.warmup,
  });
  const losses: number[] = [];
  const norms: number[] = [];
  const rates: number[] = [];
  for (let i = 0; i < meta.steps; i++) {
    const rate = schedule.getLearningRate(i);
    const micro = Array.from({ length: meta.accum }, (_, part) => batchOf(batches, '', i * meta.accum + part));
    const { loss, gradientNorm } = await step.step(micro, rate);
    losses.push(loss);
    norms.push(gradientNorm);
    rates.push(rate);
  }
  record.within('loss', largestDifference(losses, expected.loss), TRAJECTORY);
  record.within('grad_norm', largestDifference(norms, expected.grad_norm), TRAJECTORY);
  record.within('lr', largestDifference(rates, expected.lr), LEARNING_RATE);
  const tensors = new Map([...step.trainables()].map(([name, tensor]) => [name, tensor]));
  await step.release();
  return { ...adapter, tensors };
}

/** The folder we write has PEFT's files, key names and config. */
async function checkFolder(trained: LoraAdapter, reference: Adapter, record: CaseRecorder): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-parity-'));
  try {
    await writeAdapter(folder, { config: trained.config, tensors: new Map(trained.tensors) });
    const written = await readAdapter(folder);
    const layout = ({ tensors }: Adapter) => [...tensors].map(([name, { shape }]) => `${name} [${shape.join()}]`);
    record.equal('adapter_keys', layout(written), layout(reference));
    record.equal('adapter_config', written.config, reference.config);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
