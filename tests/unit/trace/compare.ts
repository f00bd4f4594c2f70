import { expect } from 'vitest';
import type { HostTensor } from '../../../engine/api.js';
import { Executable, runEagerly, trace, type InputSpec, type tf } from '../../../engine/trace/index.js';

export type Feeds = Record<string, HostTensor>;
export type Traced = (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor>;

/** A smooth, sign-changing float32 tensor that depends on `phase` alone. */
export function floats(shape: number[], phase = 0, scale = 1): HostTensor {
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(i * 1.7 + phase * 0.61 + 0.3));
  return { dtype: 'float32', shape, data };
}

/** A float32 tensor with every element above 0.1. */
export function positives(shape: number[], phase = 0): HostTensor {
  return { dtype: 'float32', shape, data: (floats(shape, phase).data as Float32Array).map((x) => Math.abs(x) + 0.1) };
}

export function integers(shape: number[], values: number[]): HostTensor {
  return {
    dtype: 'int32',
    shape,
    data: Int32Array.from({ length: sizeOf(shape) }, (_, i) => values[i % values.length]!),
  };
}

export function booleans(shape: number[], values: number[]): HostTensor {
  return {
    dtype: 'bool',
    shape,
    data: Uint8Array.from({ length: sizeOf(shape) }, (_, i) => values[i % values.length]!),
  };
}

export const specsOf = (feeds: Feeds): Record<string, InputSpec> =>
  Object.fromEntries(Object.entries(feeds).map(([name, { shape, dtype }]) => [name, { shape, dtype } as InputSpec]));

/** Records `fn`, compiles it and runs it. */
export async function runCompiled(feeds: Feeds, fn: Traced, threads = 1): Promise<Feeds> {
  const executable = await Executable.compile(trace(specsOf(feeds), fn), { threads });
  try {
    return await executable.run(feeds);
  } finally {
    executable.release();
  }
}

/** Checks type, shape and elements (within `tolerance`, absolute and relative) against tfjs' cpu backend. */
export async function expectLikeOracle(feeds: Feeds, fn: Traced, tolerance = 2e-6): Promise<void> {
  const compiled = await runCompiled(feeds, fn);
  const oracle = await runEagerly('cpu', feeds, fn);
  expect(Object.keys(compiled)).toEqual(Object.keys(oracle));
  for (const [name, expected] of Object.entries(oracle)) {
    const actual = compiled[name]!;
    const summary = ({ dtype, shape }: HostTensor) => ({ name, dtype, shape });
    expect(summary(actual)).toEqual(summary(expected));
    const error = worstError(actual, expected);
    expect({ name, error, within: error <= tolerance }).toMatchObject({ within: true });
  }
}

/** Largest |actual − expected| / (1 + |expected|); equal infinities and two NaNs agree. */
export function worstError(actual: HostTensor, expected: HostTensor): number {
  let worst = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [Number(actual.data[i]), Number(expected.data[i])];
    if (Object.is(a, b) || a === b) continue;
    const error = Math.abs(a - b) / (1 + Math.abs(b));
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }
  return worst;
}

const sizeOf = (shape: number[]) => shape.reduce((product, extent) => product * extent, 1);
