import type { ParameterValues, Range, SearchSpace } from './search-space.js';

/**
 * The interval in which samplers see a range: natural logarithms on a log scale, and half a step more at either end of
 * an integer range, so that each integer owns an interval of its own.
 */
export function latentBounds(range: Range): { low: number; high: number } {
  const half = range.integer ? 0.5 : 0;
  const [low, high] = [range.low - half, range.high + half];
  return range.scale === 'log' ? { low: Math.log(low), high: Math.log(high) } : { low, high };
}

/** A parameter's value in the interval of {@link latentBounds}. */
export function toLatent(value: number, range: Range): number {
  return range.scale === 'log' ? Math.log(value) : value;
}

/** The nearest permitted parameter value; integers are rounded after the exponential. */
export function fromLatent(latent: number, range: Range): number {
  const value = range.scale === 'log' ? Math.exp(latent) : latent;
  const rounded = range.integer ? Math.round(value) : value;
  return Math.min(range.high, Math.max(range.low, rounded));
}

/** A point of the unit cube, one coordinate for each parameter in the order of the space. */
export function toUnit(values: ParameterValues, space: SearchSpace): Float64Array {
  return Float64Array.from(Object.entries(space), ([name, range]) => {
    const { low, high } = latentBounds(range);
    return high > low ? (toLatent(values[name]!, range) - low) / (high - low) : 0.5;
  });
}

/** The permitted parameter values nearest to a point of the unit cube. */
export function fromUnit(unit: ArrayLike<number>, space: SearchSpace): ParameterValues {
  return Object.fromEntries(
    Object.entries(space).map(([name, range], index) => {
      const { low, high } = latentBounds(range);
      return [name, fromLatent(low + unit[index]! * (high - low), range)];
    }),
  );
}
