import { describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { createLora } from '../../../engine/peft/lora.js';
import { padRight } from '../../../engine/train/batch-plan.js';
import { superviseRows, type MicroBatch } from '../../../engine/train/loss.js';
import { CompileCache } from '../../../engine/trace/index.js';
import { TrainStep, type TrainStepOptions } from '../../../engine/train/step.js';
import { stream } from '../../../config/random.js';
import { TINY_CONFIG, tinyWeights } from './tiny-model.js';

const config = parseModelConfig('tiny', JSON.stringify(TINY_CONFIG));
const draws = stream(3, 'step-test');
const rows = Array.from({ length: 8 }, (_, i) => ({
  id: String(i),
  promptLength: 1 + draws.integer(4),
  tokens: Array.from({ length: 6 + draws.integer(8) }, () => draws.integer(TINY_CONFIG.vocab_size)),
}));
const lora = (dropout: number) => createLora(config, { rank: 2, alpha: 4, dropout, targetModules: 'all-linear' }, 5);
const graphs = new CompileCache(50, { threads: 1 });
const trainer = (options: Partial<TrainStepOptions> = {}) =>
  new TrainStep({
    config,
    weights: tinyWeights(),
    adapter: null,
    weightDecay: 0.01,
    maxGradientNorm: 1,
    ...(options.threads === undefined && { graphs }),
    ...options,
  });
const weightsOf = (step: TrainStep) => [...step.trainables()].flatMap(([, tensor]) => Array.from(tensor.data, Number));
const whole: MicroBatch = padRight(rows, 8, 64);
const parts = [0, 2, 4, 6].map((start) => padRight(rows.slice(start, start + 2), 2, 64));

async function run(step: TrainStep, batches: MicroBatch[], count = 3, learningRate = 0.01) {
  const results = [];
  for (let i = 0; i < count; i++) results.push(await step.step(batches, learningRate));
  return results;
}

describe.each([
  ['all weights', null],
  ['an adapter', lora(0)],
])('training %s', (_, adapter) => {
  it('does not depend on how a batch is divided into micro-batches', async () => {
    const [one, four] = [trainer({ adapter }), trainer({ adapter })];
    const [a, b] = [await run(one, [whole]), await run(four, parts)];
    a.forEach((result, i) => {
      expect(Math.abs(result.loss - b[i]!.loss)).toBeLessThan(1e-5);
      expect(Math.abs(result.gradientNorm - b[i]!.gradientNorm)).toBeLessThan(1e-5);
      expect(result.tokens).toBe(b[i]!.tokens);
    });
    const [x, y] = [weightsOf(one), weightsOf(four)];
    expect(Math.max(...x.map((value, i) => Math.abs(value - y[i]!)))).toBeLessThan(1e-5);
  });

  it('gives the same bits again, and with another number of threads', async () => {
    const [a, b] = [trainer({ adapter, threads: 1 }), trainer({ adapter, threads: 2 })];
    expect(await run(a, parts)).toEqual(await run(b, parts));
    expect(weightsOf(a)).toEqual(weightsOf(b));
  });

  it('ignores what stands in padded positions', async () => {
    const inputIds = Array.from(whole.inputIds).map((id, i) => (whole.attentionMask[i] === 1 ? id : 9));
    expect((await run(trainer({ adapter }), [{ ...whole, inputIds }], 1))[0]!.loss).toBe(
      (await run(trainer({ adapter }), [whole], 1))[0]!.loss,
    );
  });
});

it('lowers the loss', async () => {
  const results = await run(trainer(), [whole], 60, 0.02);
  expect(results.at(-1)!.loss).toBeLessThan(results[0]!.loss / 3);
});

it('leaves an untrained adapter without effect: B is zero', async () => {
  const plain = await trainer().evaluate(whole);
  expect((await trainer({ adapter: lora(0) }).evaluate(whole)).lossSum).toBe(plain.lossSum);
});

it('draws dropout anew at each step, by seed, and not when evaluating', async () => {
  const losses = async (seed: number) => {
    const step = trainer({ adapter: lora(0.5), seed });
    await run(step, [whole], 1, 0.05);
    return (await run(step, [whole], 3, 0)).map((result) => result.loss);
  };
  const first = await losses(1);
  expect(new Set(first).size).toBe(3);
  expect(await losses(1)).toEqual(first);
  expect(await losses(2)).not.toEqual(first);
  const step = trainer({ adapter: lora(0.5) });
  await run(step, [whole], 1, 0.05);
  expect(await step.evaluate(whole)).toEqual(await step.evaluate(whole));
});

it('names the step whose loss is not a number and leaves the weights alone', async () => {
  const weights = tinyWeights();
  (weights.get('model.norm.weight')!.data as Float32Array)[0] = NaN;
  const step = trainer({ weights });
  const before = weightsOf(step);
  await expect(run(step, [whole])).rejects.toMatchObject({
    code: 'E_NUMERIC',
    message: expect.stringContaining('Step 1'),
  });
  expect(weightsOf(step)).toEqual(before);
});

it('sends only the rows that predict a scored label through the head', () => {
  const batch = padRight([{ id: 'a', tokens: [5, 6, 7, 8], promptLength: 2 }], 4, 64);
  const { rows: positions, targets, tokens } = superviseRows(batch);
  expect(tokens).toBe(2);
  expect(Array.from(positions.slice(0, 3))).toEqual([1, 2, 0]);
  expect(Array.from(targets.slice(0, 3))).toEqual([7, 8, -100]);
  expect(positions.length).toBe(16);
});
