import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostTensor } from '../../engine/api.js';
import { readAdapter } from '../../engine/formats/peft.js';
import { readSafetensors } from '../../engine/formats/safetensors.js';
import { loadModel } from '../../engine/nn/load-model.js';
import {
  dpoLosses,
  logOddsRatio,
  preferenceLosses,
  type PairLogProbabilities,
  type PreferenceLoss,
} from '../../engine/objectives/preference-losses.js';
import { preferenceObjective } from '../../engine/objectives/preference.js';
import { createSchedule, type ScheduleName } from '../../engine/optim/schedules/create-schedule.js';
import { loraFromPeft } from '../../engine/peft/from-peft.js';
import { Executable, pickLogProbabilities, tf, trace } from '../../engine/trace/index.js';
import type { MicroBatch } from '../../engine/train/loss.js';
import { TrainStep } from '../../engine/train/step.js';
import { batchOf, floatsOf, integersOf, tensorOf } from './reference-tensors.js';
import { CaseRecorder, largestDifference, type ParityReport } from './report.js';

/** Tolerances of the fixtures' README. */
const LOSS = 2e-5;
const RELATIVE = 1e-4;
const TRAJECTORY = 1e-4;
const ADAPTER = 5e-4;

type Tensors = Record<string, tf.Tensor>;

/** The loss a fixture names, with its settings from the name; null when there is none of this name. */
function lossOf(name: string): PreferenceLoss | null {
  const setting = (letter: string) => {
    const text = new RegExp(`_${letter}(-?\\d+(?:\\.\\d+)?(?:e-?\\d+)?)(?:_|$)`).exec(name)?.[1];
    return text === undefined ? undefined : Number(text);
  };
  const beta = setting('b');
  const kind = name.split('_')[0]!;
  if (kind === 'sigmoid') return { kind: 'dpo', loss: 'sigmoid', beta, labelSmoothing: setting('ls') ?? 0 };
  if (kind === 'ipo' || kind === 'hinge') return { kind: 'dpo', loss: kind, beta };
  if (kind === 'simpo') return { kind: 'simpo', beta, gamma: setting('g') };
  return kind === 'orpo' ? { kind: 'orpo', lambda: setting('l') } : null;
}

async function compute(feeds: Record<string, HostTensor>, program: (tensors: Tensors) => Tensors) {
  const executable = await Executable.compile(trace(feeds, program), { threads: 1 });
  try {
    return await executable.run(feeds);
  } finally {
    executable.release();
  }
}

/** Largest |difference| / (absolute + relative · |expected|); at most 1 is good. */
function excess(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  const ratios = Array.from(actual, (x, i) => Math.abs(x - expected[i]!) / (LOSS + RELATIVE * Math.abs(expected[i]!)));
  return ratios.some(Number.isNaN) ? Infinity : Math.max(...ratios);
}

/** dpo/losses.safetensors: every loss with its gradient, extreme log-ratios, and the way from logits. */
export async function checkPreferenceLosses(file: string, record: CaseRecorder): Promise<void> {
  const { tensors: fixture } = await readSafetensors(file);
  const feed = (...names: string[]) => Object.fromEntries(names.map((name) => [name, tensorOf(fixture, name)]));
  const pairFeeds = feed(
    'policy_chosen',
    'policy_rejected',
    'ref_chosen',
    'ref_rejected',
    'avg_chosen',
    'avg_rejected',
    'nll',
  );
  const pairsOf = (t: Tensors): PairLogProbabilities => ({
    chosen: t['policy_chosen']!,
    rejected: t['policy_rejected']!,
    referenceChosen: t['ref_chosen']!,
    referenceRejected: t['ref_rejected']!,
    meanChosen: t['avg_chosen']!,
    meanRejected: t['avg_rejected']!,
    chosenLoss: t['nll']!,
  });
  const cases = [...fixture.keys()].filter((name) => name.endsWith('.losses')).map((name) => name.slice(0, -7));
  for (const name of cases.filter((item) => item !== 'saturated')) {
    const loss = lossOf(name);
    if (!loss) {
      record.unknown(name, 'no such loss');
      continue;
    }
    const [left, right] = loss.kind === 'dpo' ? ['policy_chosen', 'policy_rejected'] : ['avg_chosen', 'avg_rejected'];
    const results = await compute(pairFeeds, (t) => {
      const mean = (chosen: tf.Tensor, rejected: tf.Tensor) =>
        tf.mean(preferenceLosses(pairsOf({ ...t, [left!]: chosen, [right!]: rejected }), loss)) as tf.Scalar;
      const { value, grads } = tf.valueAndGrads(mean)([t[left!]!, t[right!]!]);
      return {
        losses: preferenceLosses(pairsOf(t), loss),
        loss: tf.reshape(value, [1]),
        grad_policy_chosen: grads[0]!,
        grad_policy_rejected: grads[1]!,
        log_odds: logOddsRatio(pairsOf(t)),
      };
    });
    for (const [field, tensor] of Object.entries(results)) {
      const expected = fixture.get(`${name}.${field}`);
      if (expected)
        record.within(
          `${name}/${field}`,
          excess(tensor.data as Float32Array, floatsOf(fixture, `${name}.${field}`)),
          1,
        );
    }
  }
  if (fixture.has('saturated.h')) {
    const results = await compute(feed('saturated.h'), (t) => {
      const losses = (h: tf.Tensor) => dpoLosses(h, { kind: 'dpo', beta: 0.1 });
      return { losses: losses(t['saturated.h']!), grad_h: tf.grad((h) => tf.sum(losses(h)))(t['saturated.h']!) };
    });
    for (const field of ['losses', 'grad_h'])
      record.within(
        `saturated/${field}`,
        excess(results[field]!.data as Float32Array, floatsOf(fixture, `saturated.${field}`)),
        1,
      );
  }
  if (fixture.has('from_logits.logits')) await checkFromLogits(fixture, record);
}

async function checkFromLogits(fixture: ReadonlyMap<string, HostTensor>, record: CaseRecorder): Promise<void> {
  const [batch, time, vocabulary] = tensorOf(fixture, 'from_logits.logits').shape as [number, number, number];
  const labels = integersOf(tensorOf(fixture, 'from_logits.labels'));
  const shifted = labels.map((_, i) => (i % time === time - 1 ? -100 : labels[i + 1]!));
  const counts = Array.from(
    { length: batch },
    (_, b) => shifted.slice(b * time, (b + 1) * time).filter((x) => x >= 0).length,
  );
  record.equal('from_logits/count', counts, integersOf(tensorOf(fixture, 'from_logits.count')));
  const feeds: Record<string, HostTensor> = {
    logits: tensorOf(fixture, 'from_logits.logits'),
    reference: tensorOf(fixture, 'from_logits.ref_logps_sum'),
    targets: { dtype: 'int32', shape: [batch * time], data: Int32Array.from(shifted) },
    counts: { dtype: 'float32', shape: [batch], data: Float32Array.from(counts) },
  };
  const results = await compute(feeds, (t) => {
    const sums = (x: tf.Tensor) =>
      tf.sum(
        tf.reshape(pickLogProbabilities(tf.reshape(x, [batch * time, vocabulary]), t['targets']!), [batch, time]),
        1,
      );
    const half = (x: tf.Tensor, from: number) => tf.slice(x, [from], [batch / 2]);
    const loss = (x: tf.Tensor) => {
      const gain = tf.sub(sums(x), t['reference']!);
      return tf.mean(dpoLosses(tf.sub(half(gain, 0), half(gain, batch / 2)), { kind: 'dpo', beta: 0.1 })) as tf.Scalar;
    };
    const { value, grads } = tf.valueAndGrads(loss)([t['logits']!]);
    const all = sums(t['logits']!);
    return {
      logps_sum: all,
      logps_avg: tf.div(all, t['counts']!),
      dpo_loss: tf.reshape(value, [1]),
      grad_logits: grads[0]!,
    };
  });
  for (const [field, { data }] of Object.entries(results))
    record.within(`from_logits/${field}`, excess(data as Float32Array, floatsOf(fixture, `from_logits.${field}`)), 1);
}

interface Trajectory {
  meta: {
    base: string;
    loss: string;
    beta: number;
    label_smoothing: number;
    steps: number;
    lr: number;
    weight_decay: number;
    /** Null or 0: gradients are not clipped. */
    clip: number | null;
    warmup: number;
    schedule: ScheduleName;
    betas: [number, number];
    eps: number;
  };
  loss: number[];
  grad_norm: number[];
  lr: number[];
  rewards_chosen: number[];
  rewards_rejected: number[];
  accuracy: number[];
  margin: number[];
  logps_chosen: number[][];
  logps_rejected: number[][];
  ref_logps_chosen: number[][];
  ref_logps_rejected: number[][];
}

/** Steps in which policy and reference are equal but for rounding: their accuracy means nothing. */
const EQUAL_STEPS = 2;

/** dpo/CASE: the trajectory of a preference training and its adapter. */
export async function checkPreferenceTraining(folder: string, record: CaseRecorder): Promise<void> {
  const trajectory = JSON.parse(await readFile(join(folder, 'trajectory.json'), 'utf8')) as Trajectory;
  const { meta } = trajectory;
  const named = lossOf(meta.loss);
  if (named?.kind !== 'dpo') return record.unknown('', `the loss ${meta.loss} is not implemented`);
  const loss = { ...named, beta: meta.beta, ...(meta.label_smoothing && { labelSmoothing: meta.label_smoothing }) };
  const model = await loadModel(join(folder, meta.base));
  const { tensors: batches } = await readSafetensors(join(folder, 'batches.safetensors'));
  const trainer = new TrainStep({
    ...model,
    adapter: loraFromPeft(model.config, await readAdapter(join(folder, 'initial'))),
    objective: preferenceObjective(loss),
    weightDecay: meta.weight_decay,
    maxGradientNorm: meta.clip || Infinity,
    optimizer: { name: 'adamw', beta1: meta.betas[0], beta2: meta.betas[1], epsilon: meta.eps },
  });
  const schedule = createSchedule(meta.schedule, {
    learningRate: meta.lr,
    totalSteps: meta.steps,
    warmupSteps: meta.warmup,
  });
  const found: Record<string, number[][]> = {};
  const note = (name: string, ...values: number[]) => (found[name] ??= []).push(values);
  for (let i = 0; i < meta.steps; i++) {
    const batch = concatenate(batchOf(batches, 'chosen_', i), batchOf(batches, 'rejected_', i));
    const references = await trainer.referenceLogProbabilities(batch);
    const pairs = batch.batch / 2;
    note('ref_logps_chosen', ...references.slice(0, pairs));
    note('ref_logps_rejected', ...references.slice(pairs));
    const learningRate = schedule.getLearningRate(i);
    const result = await trainer.step([{ ...batch, references }], learningRate);
    const { rewardsChosen, rewardsRejected, accuracy, margin } = result.measures;
    note('loss', result.loss);
    note('grad_norm', result.gradientNorm);
    note('lr', learningRate);
    note('rewards_chosen', rewardsChosen!);
    note('rewards_rejected', rewardsRejected!);
    note('accuracy', accuracy!);
    note('margin', margin!);
    const policy = result.outputs[0]!['sequenceLogProbabilities']!;
    note('logps_chosen', ...policy.slice(0, pairs));
    note('logps_rejected', ...policy.slice(pairs));
  }
  for (const [name, values] of Object.entries(found)) {
    const skip = name === 'accuracy' ? EQUAL_STEPS : 0;
    const expected = (trajectory[name as keyof Trajectory] as (number | number[])[]).slice(skip).flat();
    record.within(name, largestDifference(values.slice(skip).flat(), expected), name === 'lr' ? 1e-12 : TRAJECTORY);
  }
  const reference = await readAdapter(join(folder, 'final'));
  const trained = trainer.trainables();
  const differences = [...new Set([...reference.tensors.keys(), ...trained.keys()])].map((name) =>
    largestDifference((trained.get(name)?.data as Float32Array | undefined) ?? [], floatsOf(reference.tensors, name)),
  );
  record.within('final_adapter', Math.max(...differences), ADAPTER);
  await trainer.release();
}

/** The chosen sequences, then the rejected ones. */
function concatenate(chosen: MicroBatch, rejected: MicroBatch): MicroBatch {
  const both = (name: 'inputIds' | 'attentionMask' | 'labels') => [
    ...Array.from(chosen[name]),
    ...Array.from(rejected[name]),
  ];
  return {
    batch: chosen.batch + rejected.batch,
    time: chosen.time,
    inputIds: both('inputIds'),
    attentionMask: both('attentionMask'),
    labels: both('labels'),
  };
}

/** dpo/: the losses and each folder with a trajectory. */
export async function checkPreferences(folder: string, names: readonly string[], report: ParityReport): Promise<void> {
  for (const name of names) {
    const record = new CaseRecorder(report, `dpo/${name.replace(/\.safetensors$/, '')}`);
    const path = join(folder, name);
    const check = name === 'losses.safetensors' ? checkPreferenceLosses : checkPreferenceTraining;
    await check(path, record).catch((error: unknown) => record.failed('', (error as Error).message));
  }
}
