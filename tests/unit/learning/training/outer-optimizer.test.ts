import { describe, expect, it } from 'vitest';
import { stepOuterOptimizer } from '../../../../learning/training/outer-optimizer.js';

const former = Float32Array.of(1, -2, 0.5);
const workers = [Float32Array.of(2, -2, 0), Float32Array.of(4, -1, 1)];

describe('stepOuterOptimizer', () => {
  it('averages', () => {
    const step = stepOuterOptimizer({ kind: 'average', learningRate: 1, momentum: 0.9 }, former, workers, null);
    expect(step).toEqual({ weights: Float32Array.of(3, -1.5, 0.5), momentum: null });
  });

  it('goes a part of the way to the mean', () => {
    const step = stepOuterOptimizer({ kind: 'average', learningRate: 0.5, momentum: 0 }, former, workers, null);
    expect(step.weights).toEqual(Float32Array.of(2, -1.75, 0.5));
  });

  it('keeps Nesterov momentum over the steps, as SGD of PyTorch does', () => {
    // Δ = −2 twice: m₁ = −2, θ₁ = 1 + 0.5·(2 + 0.5·2) = 2.5; m₂ = −3, θ₂ = 2.5 + 0.5·(2 + 0.5·3) = 4.25.
    const outer = { kind: 'nesterov', learningRate: 0.5, momentum: 0.5 } as const;
    const first = stepOuterOptimizer(outer, Float32Array.of(1), [Float32Array.of(3)], null);
    expect(first).toEqual({ weights: Float32Array.of(2.5), momentum: Float32Array.of(-2) });
    const second = stepOuterOptimizer(outer, first.weights, [Float32Array.of(4.5)], first.momentum);
    expect(second).toEqual({ weights: Float32Array.of(4.25), momentum: Float32Array.of(-3) });
  });

  it('takes √workers for a rate of 0, and 0.7 with momentum', () => {
    const four = Array.from({ length: 4 }, () => Float32Array.of(3));
    const step = (kind: 'average' | 'nesterov') =>
      stepOuterOptimizer({ kind, learningRate: 0, momentum: 0 }, Float32Array.of(1), four, null).weights;
    expect(step('average')).toEqual(Float32Array.of(5));
    expect(step('nesterov')).toEqual(Float32Array.of(2.4));
  });

  it('refuses weights of another size, and nobody to average', () => {
    const outer = { kind: 'average', learningRate: 1, momentum: 0 } as const;
    expect(() => stepOuterOptimizer(outer, former, [Float32Array.of(1)], null)).toThrow(RangeError);
    expect(() => stepOuterOptimizer(outer, former, [], null)).toThrow(RangeError);
  });
});
