import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import { logExpectedImprovement } from '../../../../learning/tuning/expected-improvement.js';
import { condition, fitGaussianProcess, predict } from '../../../../learning/tuning/gaussian-process.js';
import { minimise } from '../../../../learning/tuning/minimise.js';
import { logStandardImprovement } from '../../../../learning/tuning/normal-distribution.js';

const draws = stream(3, 'test');
const points = Array.from({ length: 30 }, () => Float64Array.from([draws.float(), draws.float(), draws.float()]));
const values = Float64Array.from(points, ([x, y]) => Math.sin(5 * x!) + 2 * (y! - 0.4) ** 2);

function slopes(evaluate: (point: Float64Array) => number, at: Float64Array): number[] {
  return Array.from(at, (_, d) => {
    const moved = (step: number) => evaluate(at.map((x, i) => (i === d ? x + step : x)));
    return (moved(1e-4) - moved(-1e-4)) / 2e-4;
  });
}

describe('Gaussian process', () => {
  const process = fitGaussianProcess(points, values);

  it('predicts what it has seen, and learns which dimension does not matter', () => {
    for (const [index, point] of points.entries()) expect(predict(process, point).mean).toBeCloseTo(values[index]!, 1);
    const [first, second, unused] = process.kernel.relevance;
    expect(Math.min(first!, second!)).toBeGreaterThan(3 * unused!);
  });

  it('predicts between points, with a variance that grows away from them', () => {
    const { mean } = predict(process, Float64Array.from([0.5, 0.5, 0.5]));
    expect(Math.abs(mean - (Math.sin(2.5) + 0.02))).toBeLessThan(0.1);
    const far = condition(points.slice(0, 2), values.slice(0, 2), process.kernel);
    expect(predict(far, points[0]!).variance).toBeLessThan(predict(far, points[20]!).variance);
  });

  it('has the gradients of finite differences', () => {
    const at = Float64Array.from([0.31, 0.62, 0.47]);
    const { meanGradient, varianceGradient } = predict(process, at, true);
    slopes((point) => predict(process, point).mean, at).forEach((slope, d) =>
      expect(meanGradient[d]).toBeCloseTo(slope, 4),
    );
    slopes((point) => predict(process, point).variance, at).forEach((slope, d) =>
      expect(varianceGradient[d]).toBeCloseTo(slope, 4),
    );
    const { gradient } = logExpectedImprovement(process, -0.5, at, true);
    slopes((point) => logExpectedImprovement(process, -0.5, point).value, at).forEach((slope, d) =>
      expect(gradient[d]! / slope).toBeCloseTo(1, 3),
    );
  });

  it('chooses a noise with which it predicts unseen points better than with much noise', () => {
    const error = (noise: number) => {
      const other = condition(points.slice(0, 20), values.slice(0, 20), { ...process.kernel, noise });
      return points.slice(20).reduce((sum, point, i) => sum + (predict(other, point).mean - values[20 + i]!) ** 2, 0);
    };
    expect(error(process.kernel.noise)).toBeLessThan(error(1));
  });
});

describe('log expected improvement', () => {
  it('stays finite and increases far into the left tail', () => {
    const at = [-1e6, -1e4 - 1, -1e4 + 1, -100, -30, -3, -2.2001, -2.1999, 0, 5].map(logStandardImprovement);
    expect(at.every(Number.isFinite)).toBe(true);
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(logStandardImprovement(0)).toBeCloseTo(-0.5 * Math.log(2 * Math.PI), 12);
  });
});

describe('minimise', () => {
  it("finds Rosenbrock's minimum inside the box and on its edge", () => {
    const rosenbrock = (point: Float64Array) => {
      const [x, y] = [point[0]!, point[1]!];
      return {
        value: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
        gradient: Float64Array.from([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]),
      };
    };
    const inside = minimise(rosenbrock, [-1.2, 1], { low: -2, high: 2, iterations: 300 });
    expect(inside.point[0]).toBeCloseTo(1, 2);
    const edge = minimise(rosenbrock, [-0.5, 0.3], { low: -2, high: 0.5, iterations: 300 });
    expect([...edge.point].map((x) => Math.round(x * 100) / 100)).toEqual([0.5, 0.25]);
  });
});
