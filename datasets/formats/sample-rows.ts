import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';

/**
 * `n` items of a stream, spread evenly over the classes that `classOf` names, in random order; the same for the same
 * seed. Holds at most `n` items of each class (reservoir sampling, Vitter's algorithm R), so that a file sorted by label
 * is sampled fairly in one pass. Classes with too few items leave their share to the others.
 *
 * @throws RatchetError `E_USAGE` when `n` is not a positive integer
 */
export async function sampleRows<T>(
  items: AsyncIterable<T>,
  n: number,
  seed: number,
  classOf: (item: T) => string,
): Promise<T[]> {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new RatchetError('E_USAGE', `${n} samples were asked for.`, {
      hint: 'Ask for a whole number of at least 1.',
    });
  }
  const draws = new Map<string, { kept: T[]; seen: number; random: ReturnType<typeof stream> }>();
  for await (const item of items) {
    const name = classOf(item);
    let draw = draws.get(name);
    if (draw === undefined) draws.set(name, (draw = { kept: [], seen: 0, random: stream(seed, 'sample', name) }));
    draw.seen++;
    if (draw.kept.length < n) draw.kept.push(item);
    else {
      const place = draw.random.integer(draw.seen);
      if (place < n) draw.kept[place] = item;
    }
  }
  const classes = [...draws.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { kept, random }]) => random.shuffle(kept));
  const chosen: T[] = [];
  for (let round = 0; chosen.length < n; round++) {
    const available = classes.filter((members) => members.length > round);
    if (available.length === 0) break;
    for (const members of available) if (chosen.length < n) chosen.push(members[round]!);
  }
  return stream(seed, 'sample', 'order').shuffle(chosen);
}
