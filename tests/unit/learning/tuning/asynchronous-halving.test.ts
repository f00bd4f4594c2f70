import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import { nextParts, type TrialPart } from '../../../../learning/tuning/asynchronous-halving.js';
import { createRandomSampler } from '../../../../learning/tuning/random-sampler.js';
import type { SearchSpace } from '../../../../learning/tuning/search-space.js';
import { bestTrial, createStudy, finishTrial, reportValue, type Study } from '../../../../learning/tuning/study.js';

const SPACE: SearchSpace = {
  numEpochs: { low: 1, high: 9, scale: 'linear', integer: true },
  learningRate: { low: 1e-5, high: 1e-2, scale: 'log', integer: false },
};

/** Plays a search whose losses are `lossOf(trial, epoch)`; every part it trained, in order. */
function play(lossOf: (number: number, epoch: number) => number, { trials = 16, count = 1, numEpochs = 8 } = {}) {
  const parts: TrialPart[] = [];
  let study: Study = createStudy({ name: 'halving', space: SPACE, direction: 'minimize', seed: 1 });
  const queue = Array.from({ length: trials }, () => ({ numEpochs, learningRate: 1e-3 }));
  for (;;) {
    const next = nextParts({ study, queue }, createRandomSampler(), { trials, count });
    study = next.study;
    if (next.parts.length === 0) return { study, parts };
    expect(next.parts.length).toBeLessThanOrEqual(count);
    for (const part of next.parts) {
      const { number, untilEpoch } = part;
      const from = study.trials[number]!.intermediate.at(-1)?.step ?? 0;
      expect(untilEpoch ?? numEpochs).toBeGreaterThan(from);
      for (let epoch = from + 1; epoch <= (untilEpoch ?? numEpochs); epoch++)
        study = reportValue(study, number, epoch, lossOf(number, epoch));
      study = finishTrial(study, number, untilEpoch === null ? { value: lossOf(number, numEpochs) } : 'pruned');
      parts.push(part);
    }
  }
}
const epochsOf = ({ trials }: Study) => trials.reduce((sum, trial) => sum + trial.intermediate.length, 0);
const reached = ({ trials }: Study, epoch: number) =>
  trials.filter((trial) => trial.intermediate.length >= epoch).length;

describe('asynchronous halving with promotions', () => {
  it.each([
    ['the worst first', (number: number) => -number],
    ['the best first', (number: number) => number],
    ['mixed', (number: number) => (number * 7) % 16],
  ])('brings the better half of each rung to the next, and the best to its end: %s', (_, rank) => {
    const { study } = play(rank);
    const ranks = study.trials.map(({ number }) => rank(number));
    expect(rank(bestTrial(study)!.number)).toBe(Math.min(...ranks));
    // Who was promoted early may be overtaken, so that more than half can go on.
    expect(reached(study, 1)).toBe(16);
    expect(reached(study, 2)).toBeGreaterThanOrEqual(8);
    expect(reached(study, 4)).toBeGreaterThanOrEqual(4);
    expect(reached(study, 8)).toBeGreaterThanOrEqual(2);
    const better = study.trials.filter(({ number }) => ranks.filter((other) => other < rank(number)).length < 8);
    expect(Math.min(...better.map(({ intermediate }) => intermediate.length))).toBeGreaterThan(1);
    expect(epochsOf(study)).toBeLessThan(16 * 8);
  });

  it('lets a trial go on that looked bad among the first ones', () => {
    // Trial 0 is the worst of the first three and the third best of all.
    const losses = [2, 1, 0, 9, 9, 9, 9, 9];
    const { parts } = play((number) => losses[number]!, { trials: 8 });
    const turns = parts.flatMap((part, turn) => (part.number === 0 ? [turn] : []));
    const third = parts.findIndex((part) => part.number === 5);
    expect(turns[1]).toBeGreaterThan(third);
  });

  it('trains parts together and comes to its end, with one trial and with trials of one epoch', () => {
    const random = (number: number, epoch: number) => stream(number, 'loss').float() + 1 / epoch;
    for (const count of [1, 3, 20]) {
      const { study, parts } = play(random, { count });
      expect(study.trials.every(({ state }) => state === 'complete' || state === 'pruned')).toBe(true);
      expect(new Set(parts.map((part) => `${part.number} ${part.untilEpoch}`)).size).toBe(parts.length);
      expect(bestTrial(study)).not.toBeNull();
    }
    expect(play(random, { trials: 1 }).parts.map((part) => part.untilEpoch)).toEqual([1, 2, 4, null]);
    expect(play(random, { trials: 3, numEpochs: 1 }).parts.map((part) => part.untilEpoch)).toEqual([null, null, null]);
  });

  it('ends when every trial fails', () => {
    let study: Study = createStudy({ name: 'failing', space: SPACE, direction: 'minimize' });
    const queue = [8, 8].map((numEpochs) => ({ numEpochs, learningRate: 1e-3 }));
    const options = { trials: 2, count: 1 };
    for (const number of [0, 1])
      study = finishTrial(nextParts({ study, queue }, createRandomSampler(), options).study, number, 'failed');
    expect(nextParts({ study, queue }, createRandomSampler(), options).parts).toEqual([]);
  });
});
