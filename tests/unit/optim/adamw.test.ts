import { expect, it } from 'vitest';
import { AdamW } from '../../../engine/optim/adamw.js';
import { clipFactor, globalNorm } from '../../../engine/optim/clip.js';
import { vector } from './vector.js';

it('follows torch.optim.AdamW: decay first, bias correction from the first update', () => {
  const parameters = new Map([['w', vector(1, -2, 0.5)]]);
  const optimizer = new AdamW({ weightDecay: 0.1 });
  optimizer.update(parameters, new Map([['w', Float32Array.of(0.3, -0.1, 0)]]), 0.01);
  // By hand: 1·(1 − 0.001) − 0.01 · sign(g), as m̂/√v̂ = ±1 in the first update.
  expect(Array.from(parameters.get('w')!.data)).toEqual([0.989, -1.988, 0.4995].map((x) => expect.closeTo(x, 6)));
  optimizer.update(parameters, new Map([['w', Float32Array.of(-0.3, -0.1, 0)]]), 0.01);
  // m̂ = (0.9·0.03 − 0.03) / 0.19, v̂ = 0.09.
  const second = 0.989 * 0.999 - (0.01 * (-0.003 / 0.19)) / 0.3;
  expect(parameters.get('w')!.data[0]).toBeCloseTo(second, 6);
  expect(optimizer.updates).toBe(2);
});

it('moves its moments at learning rate 0 but not the parameters', () => {
  const optimizer = new AdamW();
  const parameters = new Map([['w', vector(1)]]);
  optimizer.update(parameters, new Map([['w', Float32Array.of(2)]]), 0);
  expect(parameters.get('w')!.data[0]).toBe(1);
  expect(optimizer.state.get('w')!['first']![0]).toBeCloseTo(0.2, 6);
});

it('clips to the maximum norm over all tensors together', () => {
  const norm = globalNorm([Float32Array.of(3, 0), Float32Array.of(4)]);
  expect(norm).toBe(5);
  expect(clipFactor(norm, 1)).toBeCloseTo(0.2, 6);
  expect(clipFactor(0.5, 1)).toBe(1);
});
