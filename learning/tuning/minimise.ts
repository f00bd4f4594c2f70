/** A function's value and its gradient at a point. */
export type ValueAndGradient = (point: Float64Array) => { value: number; gradient: Float64Array };

export interface MinimiseOptions {
  /** Bounds of every coordinate. */
  low: number;
  high: number;
  iterations: number;
  /** Stops when the projected gradient's largest component is below this. Default 1e-5. */
  tolerance?: number;
}

const MEMORY = 6;

/**
 * Limited-memory BFGS inside a box (after Byrd et al. 1995, with the two-loop recursion on the free coordinates and a
 * projected backtracking line search). Deterministic.
 */
export function minimise(
  evaluate: ValueAndGradient,
  start: ArrayLike<number>,
  { low, high, iterations, tolerance = 1e-5 }: MinimiseOptions,
): { point: Float64Array; value: number } {
  const n = start.length;
  const clamp = (value: number) => Math.min(high, Math.max(low, value));
  let point: Float64Array = Float64Array.from(start, clamp);
  let { value, gradient }: ReturnType<ValueAndGradient> = evaluate(point);
  let pairs: { s: Float64Array; y: Float64Array; inverse: number }[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const free = point.map((x, i) => ((x <= low && gradient[i]! > 0) || (x >= high && gradient[i]! < 0) ? 0 : 1));
    const masked = gradient.map((slope, i) => slope * free[i]!);
    if (masked.every((slope) => Math.abs(slope) < tolerance)) break;

    let direction: Float64Array = twoLoop(masked, pairs).map((step, i) => -step * free[i]!);
    let slope = dot(direction, masked);
    if (!(slope < 0)) {
      pairs = [];
      direction = masked.map((component) => -component);
      slope = dot(direction, masked);
    }
    // Without curvature the length of the first step is unknown: it is kept to a tenth of the box's unit.
    const length = Math.sqrt(dot(direction, direction));
    let rate = pairs.length === 0 ? Math.min(1, 0.1 / length) : 1;
    let next: Float64Array | null = null;
    let found = { value, gradient };
    for (let attempt = 0; attempt < 20; attempt++, rate *= 0.4) {
      const candidate = point.map((x, i) => clamp(x + rate * direction[i]!));
      found = evaluate(candidate);
      if (found.value <= value + 1e-4 * rate * slope) {
        next = candidate;
        break;
      }
    }
    if (next === null) break;
    const s = next.map((x, i) => x - point[i]!);
    const y = found.gradient.map((g, i) => g - gradient[i]!);
    const curvature = dot(s, y);
    if (curvature > 1e-12 * dot(y, y)) pairs = [...pairs, { s, y, inverse: 1 / curvature }].slice(-MEMORY);
    const improvement = value - found.value;
    point = next;
    ({ value, gradient } = found);
    if (improvement <= 1e-9 * Math.max(1, Math.abs(value)) || n === 0) break;
  }
  return { point, value };
}

function twoLoop(
  gradient: Float64Array,
  pairs: readonly { s: Float64Array; y: Float64Array; inverse: number }[],
): Float64Array {
  const q = Float64Array.from(gradient);
  const alphas: number[] = [];
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, inverse } = pairs[k]!;
    const alpha = inverse * dot(s, q);
    alphas[k] = alpha;
    for (let i = 0; i < q.length; i++) q[i]! -= alpha * y[i]!;
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const scale = 1 / (last.inverse * dot(last.y, last.y));
    for (let i = 0; i < q.length; i++) q[i]! *= scale;
  }
  pairs.forEach(({ s, y, inverse }, k) => {
    const beta = inverse * dot(y, q);
    for (let i = 0; i < q.length; i++) q[i]! += (alphas[k]! - beta) * s[i]!;
  });
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
