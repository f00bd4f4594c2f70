import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../../engine/formats/safetensors.js';
import { evaluateForward } from '../../../engine/train/step.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { runEagerly } from '../../../engine/trace/index.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures/models');
const numbers = (data: ArrayLike<number | bigint>) => Array.from(data, Number);

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < b.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return a.length === b.length ? largest : Infinity;
}

const cases = ['llama', 'gpt2'].flatMap((architecture) => [
  { architecture, how: 'compiled', execute: undefined },
  { architecture, how: "on tfjs' cpu backend", execute: runEagerly.bind(null, 'cpu') },
]);

describe.each(cases)('the forward and backward pass of $architecture, $how', ({ architecture, execute }) => {
  it('gives the logits, hidden states, loss and gradients of PyTorch', async () => {
    const folder = join(fixtures, architecture);
    const { tensors } = await readSafetensors(join(folder, 'expected.safetensors'));
    const array = (name: string) => tensors.get(name)!.data as Float32Array;
    const [batch, time] = tensors.get('input_ids')!.shape as [number, number];
    const gradients = [...tensors.keys()].filter((name) => name.startsWith('grad.')).map((name) => name.slice(5));
    const result = await evaluateForward(
      await loadModel(folder),
      {
        batch,
        time,
        inputIds: numbers(tensors.get('input_ids')!.data),
        attentionMask: numbers(tensors.get('attention_mask')!.data),
        labels: numbers(tensors.get('labels')!.data),
      },
      { gradients, execute },
    );
    expect(largestDifference(result.logits, array('logits'))).toBeLessThan(2e-5);
    expect(result.hiddenStates).toHaveLength(3);
    result.hiddenStates.forEach((state, i) => {
      expect(largestDifference(state, array(`hidden.${i}`))).toBeLessThan(2e-5);
    });
    expect(Math.abs(result.loss - array('loss')[0]!)).toBeLessThan(2e-5);
    expect(gradients).toHaveLength(3);
    for (const name of gradients) {
      const expected = array(`grad.${name}`);
      const actual = result.gradients.get(name)!;
      expect(actual).toHaveLength(expected.length);
      actual.forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-5 + 1e-4 * Math.abs(expected[i]!));
      });
    }
    expect(result.gradientNorm).toBeCloseTo(array('grad_norm_all')[0]!, 4);
  });
});
