import { describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { headName } from '../../../engine/nn/parameters.js';
import { chunkRows } from '../../../engine/objectives/chunk-rows.js';
import { chunkedCrossEntropySum } from '../../../engine/objectives/chunked-cross-entropy.js';
import { causalObjective, scoredRows } from '../../../engine/objectives/language-model.js';
import { inputs, passBatch, type Objective } from '../../../engine/objectives/objective.js';
import { padRight } from '../../../engine/train/batch-plan.js';
import { TrainStep } from '../../../engine/train/step.js';
import { logits } from '../../../engine/nn/model.js';
import { crossEntropySum, tf, trace } from '../../../engine/trace/index.js';
import { expectLikeOracle, floats, integers, runCompiled, specsOf, type Feeds, type Traced } from '../trace/compare.js';
import { TINY_CONFIG, tinyWeights } from '../train/tiny-model.js';

const config = parseModelConfig('tiny', JSON.stringify({ ...TINY_CONFIG, vocab_size: 37 }));
const head = headName(config);
const ROWS = 11;
const feeds: Feeds = {
  rows: floats([ROWS, 16], 1, 2),
  [head]: floats([37, 16], 2),
  targets: integers([ROWS], [3, 0, 36, -100, 7]),
};

/** Loss and both gradients of 0.25 · sum. */
const withGradients =
  (sum: (rows: tf.Tensor, weight: tf.Tensor, targets: tf.Tensor) => tf.Tensor): Traced =>
  (tensors) => {
    const loss = (rows: tf.Tensor, weight: tf.Tensor) =>
      tf.mul(sum(rows, weight, tensors['targets']!), 0.25) as tf.Scalar;
    const { value, grads } = tf.valueAndGrads(loss)([tensors['rows']!, tensors[head]!]);
    return { loss: value, byRows: grads[0]!, byHead: grads[1]! };
  };
const chunked = (chunk: number) =>
  withGradients((rows, weight, targets) => chunkedCrossEntropySum(config, { [head]: weight }, rows, targets, chunk));
const whole = withGradients((rows, weight, targets) =>
  crossEntropySum(logits(config, { [head]: weight }, rows), targets),
);

describe('cross-entropy in chunks', () => {
  it.each([1, 4, 5, 11, 100])('of %i rows has the loss and gradients of the whole', async (chunk) => {
    const [ours, reference] = [await runCompiled(feeds, chunked(chunk)), await runCompiled(feeds, whole)];
    for (const name of ['loss', 'byRows', 'byHead'])
      for (const [i, value] of (reference[name]!.data as Float32Array).entries())
        expect(Math.abs((ours[name]!.data as Float32Array)[i]! - value)).toBeLessThanOrEqual(
          1e-6 * (1 + Math.abs(value)),
        );
  });

  it('agrees with tfjs on its cpu backend', () => expectLikeOracle(feeds, chunked(4)));

  it('never makes the logits of all rows', () => {
    const sizes = (fn: Traced) =>
      [...trace(specsOf(feeds), fn).nodes].flatMap((node) => node.outputs.map(({ shape }) => shape.join()));
    expect(sizes(whole)).toContain(`${ROWS},37`);
    expect(sizes(chunked(4))).not.toContain(`${ROWS},37`);
    expect(sizes(chunked(4))).toContain('4,37');
  });

  it('is chosen where the logits are large', () => {
    expect(chunkRows(128, 320)).toBeNull();
    expect(chunkRows(512, 50_257)).toBe(128);
    expect(chunkRows(4096, 32_000)).toBe(256);
    expect(chunkRows(128, 1_000_000)).toBe(16);
    // A learned head: chunks as large as its gradient.
    expect(chunkRows(512, 50_257, 768)).toBeNull();
    expect(chunkRows(4096, 50_257, 768)).toBe(683);
  });

  it('trains a model with a tied head as the whole logits do', async () => {
    const tied = parseModelConfig('tiny', JSON.stringify(TINY_CONFIG));
    const inChunks: Objective = {
      ...causalObjective,
      key: 'chunked',
      compute(model, tensors, training) {
        const rows = scoredRows(tied, tensors, passBatch(model, tensors, training).hidden);
        return { loss: chunkedCrossEntropySum(tied, tensors, rows, tensors[inputs.targets]!, 5) };
      },
    };
    const batch = padRight([{ id: 'a', tokens: [3, 4, 5, 6, 7, 8, 9, 10, 1], promptLength: 1 }], 2, 64);
    const train = async (objective: Objective) => {
      const options = { adapter: null, weightDecay: 0, maxGradientNorm: 1, threads: 1, optimizer: 'sgd' } as const;
      const step = new TrainStep({ ...options, config: tied, weights: tinyWeights(), objective });
      const results = [await step.step([batch], 0.1), await step.step([batch], 0.1)];
      const { lossSum } = await step.evaluate(batch);
      await step.release();
      return [...results.flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]), lossSum];
    };
    const expected = await train(causalObjective);
    expect(await train(inChunks)).toEqual(expected.map((value) => expect.closeTo(value, 5)));
  });
});
