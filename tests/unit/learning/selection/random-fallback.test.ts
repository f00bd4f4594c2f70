import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import {
  fallbackMode,
  recordYields,
  selectWithFallback,
  startFallback,
  strategyLabels,
  type FallbackMode,
} from '../../../../learning/selection/random-fallback.js';
import { matrixOf } from '../../../../learning/selection/strategies/matrix.js';

/** 40 rounds of 30 labels; each label of the strategy is worth `gain` more on average. Modes after each round. */
function simulate(seed: number, gain: (round: number) => number): FallbackMode[] {
  const random = stream(seed, 'fallback');
  const yields = (count: number, worth: number) => Array.from({ length: count }, () => worth + 0.3 * random.normal());
  let state = startFallback();
  return Array.from({ length: 40 }, (_, round) => {
    const strategyCount = strategyLabels(fallbackMode(state), 30);
    state = recordYields(state, yields(strategyCount, 0.5 + gain(round)), yields(30 - strategyCount, 0.5));
    return fallbackMode(state);
  });
}

function shareLed(gain: (round: number) => number, from: number): number {
  const modes = Array.from({ length: 100 }, (_, seed) => simulate(seed, gain).slice(from)).flat();
  return modes.filter((mode) => mode === 'strategy').length / modes.length;
}

describe('fallback to random selection', () => {
  it('R6: keeps a good strategy, and drops a useless or harmful one', () => {
    expect(shareLed(() => 0.25, 8)).toBeGreaterThan(0.95);
    expect(shareLed(() => 0, 8)).toBeLessThan(0.2);
    expect(shareLed(() => -0.25, 4)).toBeLessThan(0.01);
  });

  it('R6: drops a strategy that stops being good, and takes it back when it is good again', () => {
    const gain = (round: number) => (round < 12 || round >= 26 ? 0.3 : -0.3);
    const modes = simulate(7, gain);
    expect([modes[10], modes[24], modes[39]]).toEqual(['strategy', 'probe', 'strategy']);
  });

  it('R6: a harmful strategy costs at most a tenth of the labels after the trial', () => {
    const modes = Array.from({ length: 100 }, (_, seed) => simulate(seed, () => -0.25).slice(4)).flat();
    const labels = modes.reduce((sum, mode) => sum + strategyLabels(mode, 30), 0);
    expect(labels / (30 * modes.length)).toBeLessThan(0.1);
  });

  it('tries both equally before it judges, and learns nothing from a round without one side', () => {
    const state = recordYields(startFallback(), [1], [0]);
    expect(fallbackMode(state)).toBe('trial');
    expect(recordYields(state, [], [1])).toBe(state);
    const equal = { rounds: 5, gains: [0, 0, 0, 0, 0] };
    const always = (gain: number) => fallbackMode({ rounds: 5, gains: [gain, gain, gain, gain, gain] });
    expect([fallbackMode(equal), always(1), always(-1)]).toEqual(['random', 'strategy', 'probe']);
    expect([0, 1, 2, 30].map((size) => strategyLabels('probe', size))).toEqual([0, 0, 1, 2]);
  });

  it('R6: splits the budget into different candidates of both, whatever their order', () => {
    const pool = (order: number[]) => ({
      ids: order.map((index) => `c${index}`),
      embeddings: matrixOf(order.map((index) => [Math.sin(index), Math.cos(3 * index)])),
    });
    const order = Array.from({ length: 25 }, (_, index) => index);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 }), fc.nat(1000), (budget, seed) => {
        const options = { budget, seed, state: { rounds: 6, gains: [1, 2, 1, 2, 1, 2] } };
        const split = selectWithFallback('k-center', pool(order), options);
        const together = [...split.strategy, ...split.random];
        expect(new Set(together).size).toBe(Math.min(25, budget));
        expect(together).toHaveLength(Math.min(25, budget));
        expect(split.mode).toBe('strategy');
        expect(split.strategy).toHaveLength(strategyLabels('strategy', Math.min(25, budget)));
        expect(selectWithFallback('k-center', pool(order.toReversed()), options)).toEqual(split);
      }),
      { numRuns: 40 },
    );
  });
});
