import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostTensor } from '../../engine/api.js';
import { readAdapter, writeAdapter, type Adapter } from '../../engine/formats/peft.js';
import { readSafetensors } from '../../engine/formats/safetensors.js';
import { loadModel, type LoadedModel } from '../../engine/nn/load-model.js';
import { createSchedule, type ScheduleName } from '../../engine/optim/schedules/create-schedule.js';
import { withEmbeddingCopies } from '../../engine/peft/embedding-copies.js';
import { loraFromPeft } from '../../engine/peft/from-peft.js';
import { createLora, type LoraAdapter } from '../../engine/peft/lora.js';
import { mergeLora, unmergeLora } from '../../engine/peft/merge.js';
import { frozenWeights } from '../../engine/peft/pissa.js';
import { forEachProductRow } from '../../engine/peft/product.js';
import type { QuantizedWeights } from '../../engine/quantization/quantized-weight.js';
import { TrainStep } from '../../engine/train/step.js';
import { probeLogits } from './probe-logits.js';
import { batchOf, floatsOf } from './reference-tensors.js';
import { largestDifference, type CaseRecorder } from './report.js';

/** Tolerances of the fixtures' README. */
const FORWARD = 2e-5;
const TRAJECTORY = 1e-4;
const ADAPTER = 5e-4;
const AFTER_TRAINING = 1e-3;
const LEARNING_RATE = 1e-12;
/** PiSSA's frozen weights come from a decomposition that the reference computes in float32. */
const DECOMPOSITION = 1e-4;
/** Merged and separate adapter. */
const MERGE = 1e-5;

/**
 * The bias of an attention's keys has no effect on the outputs, but where rotation turns it: its gradient is rounding noise,
 * which Adam blows up. GPT-2 has it in the middle of `c_attn`'s.
 */
const NO_EFFECT = /\.(?:k_lin|attention\.self\.key)\.bias$/;
const FUSED_WITH_KEYS = /\.c_attn\.bias$/;

export interface Trajectory {
  meta: {
    base: string;
    steps: number;
    accum?: number;
    lr: number;
    weight_decay: number;
    /** Null or 0: gradients are not clipped. */
    clip: number | null;
    warmup: number;
    schedule: ScheduleName;
    betas: [number, number];
    eps: number;
    variant?: Record<string, unknown>;
    accumulation?: string;
    loraplus_lr_ratio?: number;
  };
  loss: number[];
  grad_norm: number[];
  lr: number[];
}

const KNOWN_VARIANTS = new Set([
  'target_modules',
  'exclude_modules',
  'layers_to_transform',
  'layers_pattern',
  'modules_to_save',
  'ensure_weight_tying',
  'r',
  'lora_alpha',
  'rank_pattern',
  'alpha_pattern',
  'use_rslora',
  'use_dora',
  'init_lora_weights',
]);

/** lora/CASE: the training trajectory, its result and the PEFT folder we write; without `initial/`, of all weights. */
export async function checkLora(folder: string, record: CaseRecorder): Promise<void> {
  const trajectory = JSON.parse(await readFile(join(folder, 'trajectory.json'), 'utf8')) as Trajectory;
  const others = Object.keys(trajectory.meta.variant ?? {}).filter((name) => !KNOWN_VARIANTS.has(name));
  if (others.length > 0) return record.unknown('', `${others.join(', ')} is not implemented`);
  const model = await loadModel(join(folder, trajectory.meta.base));
  const { tensors: expected } = await readSafetensors(join(folder, 'expected.safetensors'));
  const compare = async (
    name: string,
    subject: LoadedModel & { adapter?: LoraAdapter },
    against: string,
    tolerance: number,
  ) => {
    const found = await probeLogits(subject, expected);
    record.within(name, largestDifference(found, floatsOf(expected, against)), tolerance);
    return found;
  };
  if (expected.has('probe.logits')) {
    const weights = await followTrajectory(folder, trajectory, model, null, record);
    const { tensors: reference } = await readSafetensors(join(folder, 'final.safetensors'));
    compareTensors('final_weights', weights, reference, record);
    await compare('probe_logits', { config: model.config, weights }, 'probe.logits', AFTER_TRAINING);
    return;
  }

  const initial = loraFromPeft(model.config, await readAdapter(join(folder, 'initial')));
  const reference = await readAdapter(join(folder, 'final'));
  const pissa = initial.config.initLoraWeights === 'pissa';
  const forwardTolerance = pissa ? DECOMPOSITION : FORWARD;
  await compare('initial_logits', { ...model, adapter: initial }, 'probe.logits_initial', forwardTolerance);
  if (pissa) checkPissaStart(model, initial, record);
  const tensors = await followTrajectory(folder, trajectory, model, initial, record);
  compareTensors('final_adapter', withEmbeddingCopies(model.config, tensors), reference.tensors, record);
  const trained: LoraAdapter = { ...initial, tensors };
  const separate = await compare(
    'probe_logits',
    { ...model, adapter: trained },
    'probe.logits_adapter',
    AFTER_TRAINING,
  );
  const weights = mergeLora(model.weights, trained);
  const merged = await compare(
    'merged_logits',
    { config: model.config, weights },
    'probe.logits_merged',
    AFTER_TRAINING,
  );
  record.within('merged_equals_separate', largestDifference(merged, separate), MERGE);
  const restored = unmergeLora(weights, trained, model.weights);
  const frozen = frozenWeights(model.weights, trained);
  let largest = 0;
  for (const name of frozen.keys())
    largest = Math.max(largest, largestDifference(floatsOf(restored, name), floatsOf(frozen, name)));
  record.within('unmerged_weights', largest, MERGE);
  if (pissa) checkResidual(frozen, weights, expected, record);
  const loaded = loraFromPeft(model.config, reference);
  await compare('reloaded_logits', { ...model, adapter: loaded }, 'probe.logits_adapter', forwardTolerance);
  await checkFolder({ config: trained.config, tensors: withEmbeddingCopies(model.config, tensors) }, reference, record);
}

/** Our own PiSSA start has the reference's product; its vectors may differ in sign. */
function checkPissaStart({ config, weights }: LoadedModel, initial: LoraAdapter, record: CaseRecorder): void {
  const { r: rank, loraAlpha: alpha, useRslora } = initial.config;
  const targetModules = initial.modules.map((module) => module.name);
  const settings = { rank, alpha, useRslora, dropout: 0, targetModules, initialization: 'pissa' as const };
  const own = createLora(config, settings, 1, weights);
  let largest = 0;
  for (const module of initial.modules) {
    const rows: Float64Array[] = [];
    forEachProductRow(initial, module, (_, row) => rows.push(row.slice()));
    forEachProductRow(
      own,
      module,
      (output, row) => (largest = Math.max(largest, largestDifference(row, rows[output]!))),
    );
  }
  record.within('pissa_product', largest, DECOMPOSITION);
}

/**
 * `residual.<weight>`: the frozen weights by its name; in the seed-1 fixture the reference had merged the trained adapter
 * into the same memory before it was saved, so either is accepted.
 */
function checkResidual(
  frozen: ReadonlyMap<string, HostTensor>,
  merged: ReadonlyMap<string, HostTensor>,
  expected: ReadonlyMap<string, HostTensor>,
  record: CaseRecorder,
): void {
  const distance = (weights: ReadonlyMap<string, HostTensor>) => {
    let largest = 0;
    for (const key of expected.keys())
      if (key.startsWith('residual.'))
        largest = Math.max(
          largest,
          largestDifference(floatsOf(weights, key.slice('residual.'.length)), floatsOf(expected, key)),
        );
    return largest;
  };
  record.within('residual', Math.min(distance(frozen), distance(merged)), DECOMPOSITION);
}

/**
 * Trains along a fixture's batches and records the largest differences of loss, gradient norm and learning rate.
 *
 * @param adapter null trains all weights
 * @returns the trained tensors
 */
export async function followTrajectory(
  folder: string,
  { meta, ...expected }: Trajectory,
  model: LoadedModel & { quantized?: QuantizedWeights },
  adapter: LoraAdapter | null,
  record: CaseRecorder,
): Promise<Map<string, HostTensor>> {
  const { tensors: batches } = await readSafetensors(join(folder, 'batches.safetensors'));
  const step = new TrainStep({
    ...model,
    adapter,
    weightDecay: meta.weight_decay,
    maxGradientNorm: meta.clip || Infinity,
    loraPlusRatio: meta.loraplus_lr_ratio,
    accumulation: meta.accumulation === 'mean_of_means' ? 'mean' : 'tokens',
    optimizer: { name: 'adamw', beta1: meta.betas[0], beta2: meta.betas[1], epsilon: meta.eps },
  });
  const losses: number[] = [];
  const norms: number[] = [];
  const rates: number[] = [];
  const schedule = createSchedule(meta.schedule, {
    learningRate: meta.lr,
    totalSteps: meta.steps,
    warmupSteps: meta.warmup,
  });
  const accumulated = meta.accum ?? 1;
  for (let i = 0; i < meta.steps; i++) {
    const rate = schedule.getLearningRate(i);
    const micro = Array.from({ length: accumulated }, (_, part) => batchOf(batches, '', i * accumulated + part));
    const { loss, gradientNorm } = await step.step(micro, rate);
    losses.push(loss);
    norms.push(gradientNorm);
    rates.push(rate);
  }
  record.within('loss', largestDifference(losses, expected.loss), TRAJECTORY);
  record.within('grad_norm', largestDifference(norms, expected.grad_norm), TRAJECTORY);
  record.within('lr', largestDifference(rates, expected.lr), LEARNING_RATE);
  const tensors = new Map(step.trainables());
  await step.release();
  return tensors;
}

/** Records the largest difference of any trained tensor; a missing or additional one fails. */
export function compareTensors(
  name: string,
  trained: ReadonlyMap<string, HostTensor>,
  reference: ReadonlyMap<string, HostTensor>,
  record: CaseRecorder,
): void {
  let largest = 0;
  for (const key of new Set([...reference.keys(), ...trained.keys()])) {
    if (NO_EFFECT.test(key)) continue;
    const ours = trained.get(key)?.data as Float32Array | undefined;
    const effective = (values: Float32Array) => (FUSED_WITH_KEYS.test(key) ? withoutMiddle(values) : values);
    largest = Math.max(
      largest,
      largestDifference(effective(ours ?? new Float32Array(0)), effective(floatsOf(reference, key))),
    );
  }
  record.within(name, largest, ADAPTER);
}

const withoutMiddle = (values: Float32Array): Float32Array =>
  values.filter((_, i) => Math.floor((3 * i) / values.length) !== 1);

/** The folder we write has PEFT's files, key names and config. */
async function checkFolder(trained: Adapter, reference: Adapter, record: CaseRecorder): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-parity-'));
  try {
    await writeAdapter(folder, trained);
    const written = await readAdapter(folder);
    const layout = ({ tensors }: Adapter) => [...tensors].map(([name, { shape }]) => `${name} [${shape.join()}]`);
    record.equal('adapter_keys', layout(written), layout(reference));
    record.equal('adapter_config', written.config, reference.config);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
