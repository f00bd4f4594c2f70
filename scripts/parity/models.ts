import { join } from 'node:path';
import { readSafetensors } from '../../engine/formats/safetensors.js';
import { loadModel } from '../../engine/nn/load-model.js';
import { evaluateForward } from '../../engine/train/step.js';
import { batchOf, floatsOf } from './reference-tensors.js';
import { largestDifference, type CaseRecorder } from './report.js';

/** Tolerances of the fixtures' README: one forward in float32, and gradients. */
const FORWARD = 2e-5;
const GRADIENT = 2e-5;
const GRADIENT_RELATIVE = 1e-4;

/** Largest excess over `absolute + relative · |expected|`, as a multiple of that bound. */
function relativeExcess(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const bound = GRADIENT + GRADIENT_RELATIVE * Math.abs(expected[i]!);
    const ratio = Math.abs(actual[i]! - expected[i]!) / bound;
    if (!(ratio <= largest)) largest = Number.isNaN(ratio) ? Infinity : ratio;
  }
  return largest;
}

/** models/ARCHITECTURE: logits, loss, hidden states, gradients and their norm of one batch. */
export async function checkModel(folder: string, record: CaseRecorder): Promise<void> {
  const model = await loadModel(folder);
  const { tensors: expected } = await readSafetensors(join(folder, 'expected.safetensors'));
  const gradients = [...expected.keys()].filter((name) => name.startsWith('grad.')).map((name) => name.slice(5));
  const result = await evaluateForward(model, batchOf(expected), { gradients });
  record.within('logits', largestDifference(result.logits, floatsOf(expected, 'logits')), FORWARD);
  record.within('loss', largestDifference([result.loss], floatsOf(expected, 'loss')), FORWARD);
  result.hiddenStates.forEach((state, i) => {
    record.within(`hidden.${i}`, largestDifference(state, floatsOf(expected, `hidden.${i}`)), FORWARD);
  });
  for (const name of gradients) {
    record.within(`grad.${name}`, relativeExcess(result.gradients.get(name)!, floatsOf(expected, `grad.${name}`)), 1);
  }
  record.within(
    'grad_norm_all',
    relativeExcess(Float32Array.of(result.gradientNorm), floatsOf(expected, 'grad_norm_all')),
    1,
  );
}
