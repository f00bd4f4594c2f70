import { expect, it } from 'vitest';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { distillationObjective, softLossSum } from '../../../engine/objectives/distillation.js';
import { type Traced, expectLikeOracle, floats, integers, runCompiled } from '../trace/compare.js';
import { TINY_CONFIG, tinyWeights } from '../train/tiny-model.js';

const ROWS = 3;
const CLASSES = 4;
const feeds = {
  student: floats([ROWS, CLASSES], 1, 2),
  teacher: floats([ROWS, CLASSES], 5, 3),
  targets: integers([ROWS], [1, -100, 2]),
};

it('is T² · KL(teacher ‖ student) over the scored rows', async () => {
  const softmax = (scores: number[]) => {
    const powers = scores.map((x) => Math.exp(x / 3));
    return powers.map((x) => x / powers.reduce((a, b) => a + b));
  };
  const row = (of: Float32Array, i: number) => softmax([...of.subarray(i * CLASSES, (i + 1) * CLASSES)]);
  let expected = 0;
  for (const i of [0, 2]) {
    const [p, q] = [row(feeds.teacher.data as Float32Array, i), row(feeds.student.data as Float32Array, i)];
    for (const [k, share] of p.entries()) expected += 9 * share * Math.log(share / q[k]!);
  }
  const program: Traced = (t) => ({
    loss: softLossSum(t['student']!, t['teacher']!, t['targets']!, 3),
  });
  const { loss } = await runCompiled(feeds, program);
  expect(loss!.data[0]).toBeCloseTo(expected, 5);
  await expectLikeOracle(feeds, program);
});

it('refuses a teacher with another vocabulary, and settings out of range', () => {
  const config = parseModelConfig('tiny', JSON.stringify(TINY_CONFIG));
  const other = parseModelConfig('tiny', JSON.stringify({ ...TINY_CONFIG, vocab_size: 17 }));
  const weights = tinyWeights();
  expect(() => distillationObjective(config, { config: other, weights })).toThrow(/17 tokens, the student 16/);
  expect(() => distillationObjective(config, { config, weights }, { temperature: 0 })).toThrow(/temperature 0/);
  expect(() => distillationObjective(config, { config, weights }, { hardWeight: 2 })).toThrow(/hardWeight 2/);
});
