import { describe, expect, it } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import {
  logOddsRatio,
  preferenceLosses,
  type PairLogProbabilities,
  type PreferenceLoss,
} from '../../../engine/objectives/preference-losses.js';
import { preferenceObjective } from '../../../engine/objectives/preference.js';
import { tf } from '../../../engine/trace/index.js';
import { runCompiled, type Feeds } from '../trace/compare.js';

const of = (...values: number[]): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const pairs: Feeds = {
  chosen: of(-10, -4, -30),
  rejected: of(-12, -4, -20),
  referenceChosen: of(-11, -5, -30),
  referenceRejected: of(-11, -7, -30),
  meanChosen: of(-1, -0.5, -2),
  meanRejected: of(-1.5, -0.5, -0.1),
  chosenLoss: of(1, 0.5, 2),
};
/** (pc − pr) − (rc − rr). */
const RATIOS = [2, -2, -10];
const logSigmoid = (x: number) => -Math.log(1 + Math.exp(-x));

async function lossesOf(loss: PreferenceLoss, feeds = pairs): Promise<number[]> {
  const results = await runCompiled(feeds, (t) => ({
    losses: preferenceLosses(t as unknown as PairLogProbabilities, loss),
  }));
  return Array.from(results['losses']!.data as Float32Array);
}
const close = (values: number[]) => values.map((x) => expect.closeTo(x, 5));

describe('preference losses by their equations', () => {
  it.each<[string, PreferenceLoss, (h: number) => number]>([
    ['sigmoid', { kind: 'dpo', beta: 0.5 }, (h) => -logSigmoid(0.5 * h)],
    [
      'smoothed',
      { kind: 'dpo', beta: 0.5, labelSmoothing: 0.2 },
      (h) => -0.8 * logSigmoid(0.5 * h) - 0.2 * logSigmoid(-0.5 * h),
    ],
    ['ipo', { kind: 'dpo', loss: 'ipo', beta: 0.5 }, (h) => (h - 1) ** 2],
    ['hinge', { kind: 'dpo', loss: 'hinge', beta: 0.5 }, (h) => Math.max(0, 1 - 0.5 * h)],
  ])('DPO %s', async (_, loss, expected) => {
    expect(await lossesOf(loss)).toEqual(close(RATIOS.map(expected)));
  });

  it('SimPO: the margin is subtracted after beta', async () => {
    const expected = [0.5, 0, -1.9].map((gap) => -logSigmoid(2 * gap - 0.5));
    expect(await lossesOf({ kind: 'simpo', beta: 2, gamma: 0.5 })).toEqual(close(expected));
  });

  it('ORPO: the chosen answer’s loss and the log odds ratio', async () => {
    const logOdds = (x: number) => x - Math.log(1 - Math.exp(x));
    const ratios = [logOdds(-1) - logOdds(-1.5), 0, logOdds(-2) - logOdds(-0.1)];
    const expected = ratios.map((ratio, i) => [1, 0.5, 2][i]! - 0.3 * logSigmoid(ratio));
    expect(await lossesOf({ kind: 'orpo', lambda: 0.3 })).toEqual(close(expected));
  });

  it.each<[PreferenceLoss, string]>([
    [{ kind: 'dpo', beta: 0 }, 'beta 0 is not above 0'],
    [{ kind: 'dpo', labelSmoothing: 0.5 }, 'labelSmoothing 0.5'],
    [{ kind: 'simpo', beta: NaN }, 'beta NaN'],
    [{ kind: 'orpo', lambda: -1 }, 'lambda -1'],
  ])('refuses %j', (loss, message) => {
    expect(() => preferenceObjective(loss)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('stay finite, with finite gradients, where probabilities are 0 or 1', async () => {
    const extreme: Feeds = {
      ...pairs,
      chosen: of(-30_000, 0, 0),
      rejected: of(0, -30_000, 0),
      meanChosen: of(-3000, 0, -1e-7),
      meanRejected: of(0, -3000, -1e-7),
    };
    for (const loss of [
      { kind: 'dpo' },
      { kind: 'dpo', labelSmoothing: 0.1 },
      { kind: 'dpo', loss: 'hinge' },
      { kind: 'simpo' },
      { kind: 'orpo' },
    ] as const) {
      const names = loss.kind === 'dpo' ? ['chosen', 'rejected'] : ['meanChosen', 'meanRejected'];
      const results = await runCompiled(extreme, (t) => {
        const sum = (...values: tf.Tensor[]) => {
          const own = { ...t, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
          return tf.sum(preferenceLosses(own as unknown as PairLogProbabilities, loss)) as tf.Scalar;
        };
        const { value, grads } = tf.valueAndGrads(sum)(names.map((name) => t[name]!));
        return { value, ...Object.fromEntries(names.map((name, i) => [`by ${name}`, grads[i]!])) };
      });
      for (const [name, { data }] of Object.entries(results))
        expect({ loss, name, finite: (data as Float32Array).every(Number.isFinite) }).toMatchObject({ finite: true });
    }
  });

  it('keeps the digits of odds near certainty', async () => {
    const feeds = { ...pairs, meanChosen: of(-1e-6, -1e-3, -20), meanRejected: of(-1, -1, -1) };
    const results = await runCompiled(feeds, (t) => ({ ratio: logOddsRatio(t as unknown as PairLogProbabilities) }));
    const logOdds = (x: number) => x - Math.log(-Math.expm1(x));
    const expected = [-1e-6, -1e-3, -20].map((x) => logOdds(x) - logOdds(-1));
    expect(Array.from(results['ratio']!.data as Float32Array)).toEqual(expected.map((x) => expect.closeTo(x, 4)));
  });
});
