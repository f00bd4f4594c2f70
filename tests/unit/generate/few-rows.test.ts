import { expect, it } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import { Decoder } from '../../../engine/generate/decoder.js';
import { exponential } from '../../../engine/generate/distribution.js';
import { outputsFirst } from '../../../engine/generate/outputs-first.js';
import { evaluateForward } from '../../../engine/train/step.js';
import { linear, linearOfFewRows, runEagerly } from '../../../engine/trace/index.js';
import { floats, runCompiled, worstError } from '../trace/compare.js';
import { randomModel } from '../nn/random-weights.js';

const VOCABULARY = 600;
/** A GPT-2 whose matrices count as large, unlike those of the fixtures. */
const { config, weights } = randomModel(
  { model_type: 'gpt2', vocab_size: VOCABULARY, n_embd: 512, n_head: 8, n_layer: 1, n_positions: 64 },
  { scale: 0.05, seed: 5 },
);
const prompts = Array.from({ length: 20 }, (_, i) =>
  Array.from({ length: 9 }, (_unused, j) => (i * 131 + j * 17) % VOCABULARY),
);

it.each([true, false])(
  'a product of few rows is that of many, and its bits do not depend on their number (outputs first: %s)',
  async (transposeB) => {
    const w = floats(transposeB ? [700, 400] : [400, 700], 1, 0.1);
    const bias = floats([700], 2);
    const rows = floats([40, 400], 3);
    const first = (count: number): HostTensor => ({
      ...rows,
      shape: [count, 400],
      data: (rows.data as Float32Array).slice(0, count * 400),
    });
    const product = (x: HostTensor, few: boolean) =>
      runCompiled({ x, w, bias }, (t) => ({
        y: (few ? linearOfFewRows : linear)(t['x']!, t['w']!, t['bias']!, { transposeB }),
      }));
    const whole = (await product(rows, true))['y']!;
    expect(worstError(whole, (await product(rows, false))['y']!)).toBeLessThan(1e-5);
    const eager = await runEagerly('cpu', { x: rows, w, bias }, (t) => ({
      y: linearOfFewRows(t['x']!, t['w']!, t['bias']!, { transposeB }),
    }));
    expect(worstError(whole, eager['y']!)).toBeLessThan(1e-5);
    for (const count of [4, 16, 17])
      expect((await product(first(count), true))['y']!.data).toEqual(
        (whole.data as Float32Array).slice(0, count * 700),
      );
  },
);

it('a decoder that holds large weights outputs first scores tokens as a forward pass does, in any batch to the bit', async () => {
  expect(outputsFirst(config, weights).turned).toEqual(
    ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'].map((name) => `transformer.h.0.${name}.weight`),
  );
  const decoder = new Decoder(config, weights);
  const scores = async (count: number) => {
    const { cache, logits } = await decoder.readPrompts(prompts.slice(0, count), 64);
    const next = Int32Array.from({ length: cache.batch }, (_, row) => row + 1);
    const after = await decoder.readTokens(cache, next, new Int32Array(cache.batch).fill(1));
    return [logits.slice(0, 4 * VOCABULARY), after.slice(0, 4 * VOCABULARY)] as const;
  };
  const few = await scores(4);
  expect(await scores(20)).toEqual(few);
  await decoder.release();
  for (let row = 0; row < 4; row++) {
    const inputIds = [...prompts[row]!, row + 1];
    const time = inputIds.length;
    const all = { batch: 1, time, inputIds, attentionMask: inputIds.map(() => 1), labels: inputIds };
    const { logits } = await evaluateForward({ config, weights }, all);
    [time - 2, time - 1].forEach((position, i) => {
      const expected = logits.slice(position * VOCABULARY, (position + 1) * VOCABULARY);
      few[i]!.slice(row * VOCABULARY, (row + 1) * VOCABULARY).forEach((score, id) =>
        expect(score).toBeCloseTo(expected[id]!, 4),
      );
    });
  }
});

it('the exponential is that of the standard library to 1e-12, and 0 for what is too small', () => {
  let worst = 0;
  for (let x = 0; x > -708; x -= 0.0137) worst = Math.max(worst, Math.abs(exponential(x) / Math.exp(x) - 1));
  expect(worst).toBeLessThan(1e-12);
  expect([exponential(0), exponential(-800), exponential(-Infinity), exponential(NaN)]).toEqual([1, 0, 0, NaN]);
});
