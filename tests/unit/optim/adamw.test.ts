import { expect, it } from 'vitest';
import { AdamW } from '../../../engine/optim/adamw.js';
import { clipFactor, globalNorm } from '../../../engine/optim/clip.js';
import { linearSchedule, warmupSteps } from '../../../engine/optim/schedule.js';

it('follows torch.optim.AdamW: decay first, bias correction from the first update', () => {
  const parameters = new Map([['w', Float32Array.of(1, -2, 0.5)]]);
  const optimizer = new AdamW({ weightDecay: 0.1 });
  optimizer.update(parameters, new Map([['w', Float32Array.of(0.3, -0.1, 0)]]), 0.01);
  // By hand: 1·(1 − 0.001) − 0.01 · sign(g), as m̂/√v̂ = ±1 in the first update.
  expect(Array.from(parameters.get('w')!)).toEqual([0.989, -1.988, 0.4995].map((x) => expect.closeTo(x, 6)));
  optimizer.update(parameters, new Map([['w', Float32Array.of(-0.3, -0.1, 0)]]), 0.01);
  // m̂ = (0.9·0.03 − 0.03) / 0.19, v̂ = 0.09.
  const second = 0.989 * 0.999 - (0.01 * (-0.003 / 0.19)) / 0.3;
  expect(parameters.get('w')![0]).toBeCloseTo(second, 6);
  expect(optimizer.updates).toBe(2);
});

it('moves its moments at learning rate 0 but not the parameters', () => {
  const optimizer = new AdamW();
  const parameters = new Map([['w', Float32Array.of(1)]]);
  optimizer.update(parameters, new Map([['w', Float32Array.of(2)]]), 0);
  expect(parameters.get('w')![0]).toBe(1);
  expect(optimizer.moments.get('w')!.first[0]).toBeCloseTo(0.2, 6);
});

it('scales gradients without changing them', () => {
  const gradient = Float32Array.of(4);
  const [a, b] = [new AdamW(), new AdamW()];
  a.update(new Map([['w', Float32Array.of(1)]]), new Map([['w', gradient]]), 0.1, 0.25);
  b.update(new Map([['w', Float32Array.of(1)]]), new Map([['w', Float32Array.of(1)]]), 0.1);
  expect(a.moments).toEqual(b.moments);
  expect(gradient[0]).toBe(4);
});

it('refuses a parameter without a gradient', () => {
  expect(() => new AdamW().update(new Map([['w', new Float32Array(2)]]), new Map(), 0.1)).toThrow(/"w"/);
});

it('clips to the maximum norm over all tensors together', () => {
  const norm = globalNorm([Float32Array.of(3, 0), Float32Array.of(4)]);
  expect(norm).toBe(5);
  expect(clipFactor(norm, 1)).toBeCloseTo(0.2, 6);
  expect(clipFactor(0.5, 1)).toBe(1);
});

it('warms up linearly from 0 and decays linearly to 0', () => {
  const rates = Array.from({ length: 6 }, (_, step) => linearSchedule(1, step, 6, 2));
  expect(rates).toEqual([0, 0.5, 1, 0.75, 0.5, 0.25]);
  expect(linearSchedule(1, 6, 6, 2)).toBe(0);
  expect(linearSchedule(1, 0, 4, 0)).toBe(1);
  expect(warmupSteps(20, 0.05)).toBe(1);
  expect(warmupSteps(21, 0.05)).toBe(2);
});
