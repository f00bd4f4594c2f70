import { describe, expect, it } from 'vitest';
import {
  createOptimizer,
  OPTIMIZER_NAMES,
  type OptimizerName,
  type OptimizerSpec,
} from '../../../engine/optim/create-optimizer.js';
import type { Optimizer } from '../../../engine/optim/optimizer.js';
import { matrix, vector } from './vector.js';

const specs: [string, OptimizerSpec][] = [
  ...OPTIMIZER_NAMES.map((name): [string, OptimizerSpec] => [name, { name }]),
  ['sgd with nesterov', { name: 'sgd', nesterov: true }],
  ['sgd without momentum', { name: 'sgd', momentum: 0 }],
  ['adafactor with a mean of the updates', { name: 'adafactor', beta1: 0.9 }],
  ['adafactor with its own steps', { name: 'adafactor', relativeStep: true, warmupInit: true }],
];

/** Minimises Σ ½·aᵢ·(xᵢ − bᵢ)² over a matrix and a vector together. */
function descend(optimizer: Optimizer, steps: number, parameters = startingPoint(), from = 0) {
  for (let step = from; step < steps; step++) {
    const gradients = new Map(
      [...parameters].map(([name, { data }]) => [name, data.map((x, i) => (1 + (i % 3)) * (x - target(i)))]),
    );
    optimizer.update(parameters, gradients, 0.1 * (1 - step / 300));
  }
  return parameters;
}
const target = (i: number) => 1.5 - 0.5 * i;
const startingPoint = () =>
  new Map([
    ['w', matrix([0.3, -0.2, 0.9], [1.2, 0.1, -0.7])],
    ['b', vector(2, -1)],
  ]);
const valuesOf = (parameters: ReturnType<typeof startingPoint>) =>
  [...parameters.values()].map(({ data }) => [...data]);

describe.each(specs)('%s', (_, spec) => {
  const make = () => createOptimizer(spec);

  it('comes near the minimum of a quadratic function', () => {
    const distance = (parameters: ReturnType<typeof startingPoint>) =>
      Math.max(...[...parameters.values()].flatMap(({ data }) => [...data].map((x, i) => Math.abs(x - target(i)))));
    const steps = spec.name === 'adafactor' && spec.relativeStep ? 20_000 : 300;
    expect(distance(startingPoint())).toBeGreaterThan(1);
    expect(distance(descend(make(), steps))).toBeLessThan(0.05);
  });

  it('goes on with the same bits from its stored state', () => {
    const whole = descend(make(), 20);
    const first = make();
    const parameters = descend(first, 9);
    const second = make();
    second.updates = first.updates;
    for (const [name, slots] of first.state)
      second.state.set(
        name,
        Object.fromEntries(Object.entries(slots).map(([slot, data]) => [slot, Float32Array.from(data)])),
      );
    expect(valuesOf(descend(second, 20, parameters, 9))).toEqual(valuesOf(whole));
  });

  it('scales gradients without changing them', () => {
    const gradients = new Map([
      ['w', Float32Array.of(4, -8, 2, 1, 0, 16)],
      ['b', Float32Array.of(2, 4)],
    ]);
    const [scaled, plain] = [startingPoint(), startingPoint()];
    make().update(scaled, gradients, 0.1, 0.25);
    make().update(plain, new Map([...gradients].map(([name, data]) => [name, data.map((x) => x / 4)])), 0.1);
    expect(valuesOf(scaled)).toEqual(valuesOf(plain));
    expect(gradients.get('b')).toEqual(Float32Array.of(2, 4));
  });

  it('refuses a parameter without a gradient of its size', () => {
    expect(() => make().update(startingPoint(), new Map([['w', new Float32Array(6)]]), 0.1)).toThrow(/"b"/);
  });

  it('takes learning rate and decay of a group instead of its own', () => {
    const gradients = () => new Map([['b', Float32Array.of(0.5, -0.25)]]);
    const run = (weightDecay: number, learningRate: number, groupOf?: () => object) => {
      const parameters = new Map([['b', vector(2, -1)]]);
      createOptimizer(spec, { weightDecay, groupOf }).update(parameters, gradients(), learningRate);
      return [...parameters.get('b')!.data];
    };
    expect(run(0, 0.1, () => ({ learningRateFactor: 2, weightDecay: 0.3 }))).toEqual(run(0.3, 0.2));
    expect(run(0.3, 0.2)).not.toEqual(run(0, 0.2));
  });

  it('decays matrices but not vectors when asked', () => {
    const run = (decayNormsAndBiases: boolean, weightDecay: number) => {
      const parameters = startingPoint();
      createOptimizer(spec, { weightDecay, decayNormsAndBiases }).update(
        parameters,
        new Map([...parameters].map(([name, { data }]) => [name, data.map(() => 0.1)])),
        0.1,
      );
      return valuesOf(parameters);
    };
    const [w, b] = run(false, 0.5);
    expect(b).toEqual(run(true, 0)[1]);
    expect(w).toEqual(run(true, 0.5)[0]);
    expect(w).not.toEqual(run(true, 0)[0]);
  });
});

it('names an optimizer that does not exist, and settings that exclude each other', () => {
  expect(() => createOptimizer('adam' as OptimizerName)).toThrow(
    expect.objectContaining({ code: 'E_CONFIG_INVALID', message: expect.stringContaining('"adam"') }),
  );
  expect(() => createOptimizer({ name: 'sgd', nesterov: true, dampening: 0.1 })).toThrow(
    expect.objectContaining({ code: 'E_CONFIG_INVALID', message: expect.stringContaining('dampening') }),
  );
});
