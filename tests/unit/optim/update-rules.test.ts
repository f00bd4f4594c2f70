import { describe, expect, it } from 'vitest';
import { Adafactor } from '../../../engine/optim/adafactor.js';
import { Lion } from '../../../engine/optim/lion.js';
import type { Optimizer } from '../../../engine/optim/optimizer.js';
import { Sgd } from '../../../engine/optim/sgd.js';
import { matrix, vector } from './vector.js';

/** A parameter's values after each of three gradients. */
function trace(
  optimizer: Optimizer,
  parameter: ReturnType<typeof vector>,
  gradients: number[][],
  learningRate: number,
) {
  const parameters = new Map([['w', parameter]]);
  return gradients.map((gradient) => {
    optimizer.update(parameters, new Map([['w', Float32Array.from(gradient)]]), learningRate);
    return [...parameter.data];
  });
}
const close = (rows: number[][]) => rows.map((row) => row.map((x) => expect.closeTo(x, 6)));

describe('three steps by hand', () => {
  it('of SGD with momentum 0.9, dampening 0.5 and decay 0.1, as torch.optim.SGD', () => {
    // d₁ = 1 + 0.1·2 = 1.2, b₁ = 1.2; w = 2 − 0.12 = 1.88
    // d₂ = −0.5 + 0.188 = −0.312, b₂ = 1.08 − 0.156 = 0.924; w = 1.7876
    // d₃ = 0 + 0.17876, b₃ = 0.8316 + 0.08938 = 0.92098; w = 1.695502
    const optimizer = new Sgd({ momentum: 0.9, dampening: 0.5, weightDecay: 0.1 });
    expect(trace(optimizer, vector(2), [[1], [-0.5], [0]], 0.1)).toEqual(close([[1.88], [1.7876], [1.695502]]));
  });

  it('of SGD with Nesterov momentum', () => {
    // b = 1, 0.4, 0.36; g + 0.9·b = 1.9, −0.14, 0.324
    const optimizer = new Sgd({ momentum: 0.9, nesterov: true });
    expect(trace(optimizer, vector(2), [[1], [-0.5], [0]], 0.1)).toEqual(close([[1.81], [1.824], [1.7916]]));
  });

  it('of Lion with decay 0.5: the sign of an interpolated momentum', () => {
    // c₁ = 0.1·1 > 0, m₁ = 0.01; c₂ = 0.009 − 0.2 < 0, m₂ = 0.0099 − 0.02 = −0.0101; c₃ = −0.00909 + 0 < 0
    // w: 2·0.95 − 0.1 = 1.8; 1.8·0.95 + 0.1 = 1.81; 1.81·0.95 + 0.1 = 1.8195
    const optimizer = new Lion({ weightDecay: 0.5 });
    expect(trace(optimizer, vector(2), [[1], [-2], [0]], 0.1)).toEqual(close([[1.8], [1.81], [1.8195]]));
    expect(optimizer.state.get('w')!['momentum']![0]).toBeCloseTo(-0.009999, 8);
  });

  it('of Adafactor on a vector, with a fixed learning rate and no parameter scale', () => {
    // β̂ = 1 − t^−0.8: 0, 1 − 2^−0.8, 1 − 3^−0.8. One element: the update's root mean square is |u|, clipped to 1.
    const [b2, b3] = [1 - 2 ** -0.8, 1 - 3 ** -0.8];
    const v2 = b2 * 1 + (1 - b2) * 0.25;
    const v3 = b3 * v2 + (1 - b3) * 4;
    const [u2, u3] = [-0.5 / Math.sqrt(v2), Math.min(1, 2 / Math.sqrt(v3))];
    const optimizer = new Adafactor({ scaleParameter: false });
    const expected = [2 - 0.1, 2 - 0.1 - 0.1 * u2, 2 - 0.1 - 0.1 * u2 - 0.1 * u3];
    expect(trace(optimizer, vector(2), [[1], [-0.5], [2]], 0.1)).toEqual(close(expected.map((x) => [x])));
  });

  it('of Adafactor on a matrix: row and column means stand for the second moment', () => {
    const gradients = [
      [1, 2, 3, 4],
      [0.5, -1, 2, 0],
      [-1, 1, -1, 1],
    ];
    let [w, rows, columns] = [
      [1, -1, 2, 0.5],
      [0, 0],
      [0, 0],
    ];
    const expected = gradients.map((g, t) => {
      const kept = 1 - (t + 1) ** -0.8;
      const square = g.map((x) => x * x);
      rows = rows.map((r, i) => kept * r + ((1 - kept) * (square[2 * i]! + square[2 * i + 1]!)) / 2);
      columns = columns.map((c, j) => kept * c + ((1 - kept) * (square[j]! + square[j + 2]!)) / 2);
      const mean = (rows[0]! + rows[1]!) / 2;
      const u = g.map((x, k) => x / Math.sqrt((rows[k >> 1]! * columns[k & 1]!) / mean));
      const size = (values: number[]) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
      const step = 0.1 * Math.max(1e-3, size(w));
      w = w.map((x, k) => x * (1 - 0.2 * step) - (step * u[k]!) / Math.max(1, size(u)));
      return w;
    });
    const optimizer = new Adafactor({ weightDecay: 0.2 });
    expect(trace(optimizer, matrix([1, -1], [2, 0.5]), gradients, 0.1)).toEqual(close(expected));
    expect(Object.keys(optimizer.state.get('w')!)).toEqual(['rows', 'columns']);
  });

  it('of Adafactor with steps of its own, whatever the learning rate', () => {
    const run = (learningRate: number, warmupInit: boolean) =>
      trace(
        new Adafactor({ relativeStep: true, warmupInit, scaleParameter: false }),
        vector(2),
        [[1], [1]],
        learningRate,
      );
    expect(run(7, false)).toEqual(close([[1.99], [1.98]]));
    expect(run(0, true)).toEqual(close([[2 - 1e-6], [2 - 3e-6]]));
  });
});
