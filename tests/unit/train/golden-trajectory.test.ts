import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import { readAdapter } from '../../../engine/formats/peft.js';
import { readSafetensors } from '../../../engine/formats/safetensors.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { linearSchedule } from '../../../engine/optim/schedule.js';
import { loraFromPeft } from '../../../engine/peft/lora.js';
import { mergeLora } from '../../../engine/peft/merge.js';
import { evaluateForward, TrainStep, type MicroBatch } from '../../../engine/train/step.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures/lora');

interface Trajectory {
  meta: { steps: number; lr: number; weight_decay: number; clip: number; warmup: number };
  loss: number[];
  grad_norm: number[];
  lr: number[];
}

function batchAt(tensors: Map<string, HostTensor>, index: number, prefix = ''): MicroBatch {
  const shape = tensors.get(`${prefix}input_ids`)!.shape;
  const [batch, time] = shape.slice(-2) as [number, number];
  const slice = (name: string) =>
    Int32Array.from(
      (tensors.get(prefix + name)!.data as BigInt64Array).subarray(index * batch * time, (index + 1) * batch * time),
      Number,
    );
  return {
    batch,
    time,
    inputIds: slice('input_ids'),
    attentionMask: slice('attention_mask'),
    labels: slice('labels'),
  };
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

it.each(['llama', 'llama_randB', 'gpt2', 'gpt2_randB'])(
  'trains LoRA on %s step for step as PEFT does',
  async (name) => {
    const folder = join(fixtures, name);
    const trajectory = JSON.parse(await readFile(join(folder, 'trajectory.json'), 'utf8')) as Trajectory;
    const { tensors: batches } = await readSafetensors(join(folder, 'batches.safetensors'));
    const { tensors: expected } = await readSafetensors(join(folder, 'expected.safetensors'));
    const model = await loadModel(join(fixtures, `base_${name.split('_')[0]}`));
    const adapter = loraFromPeft(model.config, await readAdapter(join(folder, 'initial')));
    const probe = batchAt(expected, 0, 'probe.');
    const wanted = (key: string) => expected.get(`probe.${key}`)!.data as Float32Array;

    const before = await evaluateForward({ ...model, adapter }, probe);
    expect(largestDifference(before.logits, wanted('logits_initial'))).toBeLessThan(2e-5);

    const { steps, lr, weight_decay: weightDecay, clip: maxGradientNorm, warmup } = trajectory.meta;
    const trainer = new TrainStep({ ...model, adapter, weightDecay, maxGradientNorm, threads: 1 });
    for (let step = 0; step < steps; step++) {
      const learningRate = linearSchedule(lr, step, steps, warmup);
      expect(learningRate).toBeCloseTo(trajectory.lr[step]!, 12);
      const result = await trainer.step([batchAt(batches, step)], learningRate);
      expect(Math.abs(result.loss - trajectory.loss[step]!)).toBeLessThan(1e-4);
      expect(Math.abs(result.gradientNorm - trajectory.grad_norm[step]!)).toBeLessThan(1e-4);
    }
    const { tensors: final } = await readAdapter(join(folder, 'final'));
    expect([...trainer.trainables().keys()].sort()).toEqual([...final.keys()].sort());
    for (const [key, tensor] of trainer.trainables())
      expect(largestDifference(tensor.data as Float32Array, final.get(key)!.data as Float32Array)).toBeLessThan(5e-4);

    const trained = { ...adapter, tensors: new Map(trainer.trainables()) };
    const adapted = await evaluateForward({ ...model, adapter: trained }, probe);
    expect(largestDifference(adapted.logits, wanted('logits_adapter'))).toBeLessThan(1e-3);
    const merged = await evaluateForward({ ...model, weights: mergeLora(model.weights, trained) }, probe);
    expect(largestDifference(merged.logits, wanted('logits_merged'))).toBeLessThan(1e-3);
    await trainer.release();
  },
);
