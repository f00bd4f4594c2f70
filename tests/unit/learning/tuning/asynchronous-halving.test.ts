import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import { nextParts, type TrialPart } from '../../../../learning/tuning/asynchronous-halving.js';
import { createRandomSampler } from '../../../../learning/tuning/random-sampler.js';
import type { Sampler } from '../../../../learning/tuning/sampler.js';
import type { SearchSpace } from '../../../../learning/tuning/search-space.js';
import { bestTrial, createStudy, finishTrial, reportValue, type Study } from '../../../../learning/tuning/study.js';

const SPACE: SearchSpace = {
  numEpochs: { low: 1, high: 40, scale: 'linear', integer: true },
  learningRate: { low: 1e-5, high: 1e-2, scale: 'log', integer: false },
};

/** Plays a search whose losses are `lossOf(trial, epochs)`; every training, in order. */
function play(lossOf: (number: number, epochs: number) => number, { trials = 16, count = 1, numEpochs = 30 } = {}) {
  const parts: TrialPart[] = [];
  let study: Study = createStudy({ name: 'halving', space: SPACE, direction: 'minimize', seed: 1 });
  const queue = Array.from({ length: trials }, () => ({ numEpochs, learningRate: 1e-3 }));
  for (;;) {
    const next = nextParts({ study, queue }, createRandomSampler(), { trials, count });
    study = next.study;
    if (next.parts.length === 0) return { study, parts };
    expect(next.parts.length).toBeLessThanOrEqual(count);
    for (const part of next.parts) {
      const { number, parameters, waits } = part;
      const epochs = parameters.numEpochs!;
      expect(epochs).toBeGreaterThan(study.trials[number]!.intermediate.at(-1)?.step ?? 0);
      expect(waits).toBe(epochs < numEpochs);
      const value = lossOf(number, epochs);
      study = finishTrial(reportValue(study, number, epochs, value), number, waits ? 'pruned' : { value });
      parts.push(part);
    }
  }
}
const epochsOf = (parts: readonly TrialPart[]) => parts.map(({ parameters }) => parameters.numEpochs!);
const reached = ({ trials }: Study, epochs: number) =>
  trials.filter(({ intermediate }) => intermediate.some(({ step }) => step === epochs)).length;

describe('asynchronous halving with promotions', () => {
  it.each([
    ['the worst first', (number: number) => -number],
    ['the best first', (number: number) => number],
    ['mixed', (number: number) => (number * 7) % 16],
  ])('brings the best fifth of each rung to the next, and the best to its end: %s', (_, rank) => {
    const { study } = play(rank);
    const ranks = study.trials.map(({ number }) => rank(number));
    expect(rank(bestTrial(study)!.number)).toBe(Math.min(...ranks));
    expect([1, 5, 30].map((epochs) => reached(study, epochs))).toEqual([16, 4, 1]);
    const better = study.trials.filter(({ number }) => ranks.filter((other) => other < rank(number)).length < 4);
    expect(Math.min(...better.map(({ intermediate }) => intermediate.length))).toBeGreaterThan(1);
  });

  it('lets a trial go on that looked bad among the first ones', () => {
    // Trial 0 is the worse of the first two and the second best of all.
    const losses = [1, 0, 9, 9, 9, 9, 9, 9];
    const { parts } = play((number) => losses[number]!, { trials: 8 });
    const turns = parts.flatMap((part, turn) => (part.number === 0 ? [turn] : []));
    expect(turns[1]).toBeGreaterThan(parts.findIndex((part) => part.number === 7));
  });

  it('shows the sampler the losses of short trainings', () => {
    const seen: Study[] = [];
    const parameters = { numEpochs: 9, learningRate: 1e-3 };
    const sampler: Sampler = { name: 'watching', suggest: (known) => (seen.push(known), parameters) };
    const next = (known: Study) => nextParts({ study: known, queue: [] }, sampler, { trials: 2, count: 1 }).study;
    const empty: Study = createStudy({ name: 'watched', space: SPACE, direction: 'minimize' });
    const waiting = finishTrial(reportValue(next(empty), 0, 1, 0.5), 0, 'pruned');
    next(waiting);
    expect(seen.map(({ trials }) => trials.map(({ state, value }) => [state, value]))).toEqual([
      [],
      [['complete', 0.5]],
    ]);
    expect(waiting.trials[0]).toMatchObject({ state: 'pruned', value: null });
  });

  it('trains together and comes to its end, with one trial and with trials of one epoch', () => {
    const random = (number: number, epoch: number) => stream(number, 'loss').float() + 1 / epoch;
    for (const count of [1, 3, 20]) {
      const { study, parts } = play(random, { count });
      expect(study.trials.every(({ state }) => state === 'complete' || state === 'pruned')).toBe(true);
      expect(new Set(parts.map((part) => `${part.number} ${part.parameters.numEpochs}`)).size).toBe(parts.length);
      expect(bestTrial(study)).not.toBeNull();
    }
    const alone = (numEpochs: number) => epochsOf(play(random, { trials: 1, numEpochs }).parts);
    expect([1, 2, 10, 24, 25, 40].map(alone)).toEqual([[1], [1, 2], [1, 10], [1, 24], [1, 5, 25], [1, 5, 40]]);
  });

  it('promotes the next best where the best fails, and ends when every trial does', () => {
    const queue = [8, 8].map((numEpochs) => ({ numEpochs, learningRate: 1e-3 }));
    const next = (study: Study) => nextParts({ study, queue }, createRandomSampler(), { trials: 2, count: 1 });
    const empty: Study = createStudy({ name: 'failing', space: SPACE, direction: 'minimize' });
    let study = empty;
    for (const number of [0, 1])
      study = finishTrial(reportValue(next(study).study, number, 1, number), number, 'pruned');
    for (const number of [0, 1]) {
      const { study: started, parts } = next(study);
      expect(parts.map((part) => part.number)).toEqual([number]);
      study = finishTrial(started, number, 'failed');
    }
    expect(next(study).parts).toEqual([]);

    study = empty;
    for (const number of [0, 1]) study = finishTrial(next(study).study, number, 'failed');
    expect(next(study).parts).toEqual([]);
  });
});
