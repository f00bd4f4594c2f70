import { mapInSlices } from './give-way.js';

type Similarity = (first: string, second: string) => number;

/** A similarity that looks up what these pairs have: comparing a thousand pairs of long texts takes seconds. */
export async function compareBeforehand(
  pairs: readonly (readonly [string, string])[],
  compare: Similarity,
): Promise<Similarity> {
  const known = new Map<string, Map<string, number>>();
  await mapInSlices(pairs, ([first, second]) => {
    const ofFirst = known.get(first) ?? new Map<string, number>();
    if (!ofFirst.has(second)) ofFirst.set(second, compare(first, second));
    known.set(first, ofFirst);
  });
  return (first, second) => known.get(first)?.get(second) ?? compare(first, second);
}
