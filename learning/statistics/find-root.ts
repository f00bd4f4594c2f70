import { RatchetError } from '../../config/errors.js';

/**
 * A root of `f` between `low` and `high`, where f has different signs: the Illinois variant of regula falsi (Dowell &
 * Jarratt 1971), with a bisection whenever the bracket has not halved in three steps.
 * @param tolerance relative to the root
 * @throws RatchetError E_USAGE when f has one sign at both ends
 */
export function findRoot(f: (x: number) => number, low: number, high: number, tolerance = 1e-13): number {
  let [a, b] = [low, high];
  let [atA, atB] = [f(a), f(b)];
  if (atA === 0) return a;
  if (atB === 0) return b;
  if (!(atA * atB < 0)) {
    throw new RatchetError('E_USAGE', `findRoot: no sign change between ${low} and ${high}`, {
      hint: 'Widen the bracket; check that the target can be reached.',
    });
  }
  let width = Math.abs(b - a);
  for (let step = 1; step <= 300; step++) {
    const halve = step % 4 === 0 && Math.abs(b - a) > width / 2;
    if (step % 4 === 0) width = Math.abs(b - a);
    const secant = (a * atB - b * atA) / (atB - atA);
    const x = halve || !Number.isFinite(secant) ? (a + b) / 2 : secant;
    const value = f(x);
    if (value === 0) return x;
    if (value * atB < 0) [a, atA] = [b, atB];
    else atA /= 2;
    [b, atB] = [x, value];
    if (Math.abs(b - a) <= tolerance * Math.max(1e-300, Math.abs(b))) break;
    if (x === a) break;
  }
  return b;
}
