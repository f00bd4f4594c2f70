import { describe, expect, it } from 'vitest';
import { stream } from '../../../../config/random.js';
import { hashedTokenSets, jaccard } from '../../../../learning/metrics/hashed-token-sets.js';
import { chooseBands, findNearDuplicates } from '../../../../learning/metrics/near-duplicates.js';
import { tokenSet } from '../../../../learning/selection/token-sets.js';

const random = stream(1, 'near-duplicates test');
const sentence = (words: number) => Array.from({ length: words }, () => `word${random.integer(5000)}`);
/** The same text with `changes` words exchanged. */
function edited(words: readonly string[], changes: number): string {
  const copy = [...words];
  const places = random.shuffle(words.map((_, place) => place)).slice(0, changes);
  for (const place of places) copy[place] = `other${random.integer(5000)}`;
  return copy.join(' ');
}

function exactJaccard(first: string, second: string): number {
  const [a, b] = [tokenSet(first), tokenSet(second)];
  const shared = [...a].filter((token) => b.has(token)).length;
  return shared / (a.size + b.size - shared);
}

describe('findNearDuplicates', () => {
  const originals = Array.from({ length: 2000 }, () => sentence(40));
  // One or two words of forty: a Jaccard index of about 0.93 or 0.86.
  const planted = originals.slice(0, 1000).map((words, index) => edited(words, 1 + (index % 2)));
  const texts = [...originals.map((words) => words.join(' ')), ...planted];
  const found = findNearDuplicates(texts);

  it('R2: finds at least 95 % of the planted pairs, and no false one', () => {
    const hits = planted.filter((_, index) => found.firstOfGroup[2000 + index] === index).length;
    expect(hits / planted.length).toBeGreaterThanOrEqual(0.95);
    for (const [first, ...rest] of found.groups)
      for (const other of rest) expect(exactJaccard(texts[first!]!, texts[other]!)).toBeGreaterThanOrEqual(0.8);
  });

  it('R2: compares next to nothing beside the pairs it finds', () => {
    expect(found.comparisons).toBeLessThan(2 * planted.length);
  });

  it('R2: pairs at the threshold itself are found nearly always', () => {
    // 7 of 40 words: the index comes to 0.62 … 0.7, the threshold is just below.
    const pairs = Array.from({ length: 500 }, () => sentence(40)).map((words) => [words.join(' '), edited(words, 7)]);
    const indices = pairs.map(([first, second]) => exactJaccard(first!, second!));
    const threshold = 0.55;
    const at = indices
      .map((value, index) => ({ value, index }))
      .filter(({ value }) => value >= threshold && value < 0.62);
    const result = findNearDuplicates(pairs.flat(), { threshold });
    const hits = at.filter(({ index }) => result.firstOfGroup[2 * index + 1] === 2 * index).length;
    expect(at.length).toBeGreaterThan(50);
    expect(hits / at.length).toBeGreaterThanOrEqual(0.95);
  });

  it('R2: the same seed gives the same groups', () => {
    expect(findNearDuplicates(texts)).toEqual(found);
  });

  it('R2: equal texts cost one comparison each, however many there are', () => {
    const copies = Array.from({ length: 5000 }, () => 'A customer has a name.');
    const { groups, comparisons } = findNearDuplicates([...copies, 'an invoice has a date', '', ' ']);
    expect(groups.map((group) => group.length)).toEqual([5000, 2]);
    expect(comparisons).toBe(5000);
  });

  it('R2: case and white space make no difference, other words do', () => {
    const { firstOfGroup } = findNearDuplicates(['A  Customer has NAME', 'a customer\nhas name', 'a customer has age']);
    expect([...firstOfGroup]).toEqual([0, 0, 2]);
  });

  it('R2: texts from one template do not cost their square', () => {
    const template = Array.from(
      { length: 6000 },
      (_, index) =>
        `please draw a diagram of the following domain with all its entities ${sentence(3).join(' ')} ${index}`,
    );
    const { comparisons } = findNearDuplicates(template);
    expect(comparisons).toBeLessThan((6000 * 6000) / 8);
    expect(findNearDuplicates(template, { seed: 2 }).comparisons).not.toBe(comparisons);
  });

  it.each([0.2, 1.1, NaN])('refuses the threshold %d', (threshold) => {
    expect(() => findNearDuplicates(['a'], { threshold })).toThrow('near-duplicates: the threshold is');
  });
});

describe('hashedTokenSets', () => {
  it('has the Jaccard index of the token sets', () => {
    const texts = Array.from(
      { length: 50 },
      (_, index) => edited(sentence(10 + index), 0) + (index % 3 ? ', a b' : ' b a; a b'),
    );
    const sets = hashedTokenSets(texts);
    texts.forEach((text, row) => {
      const other = (row * 7) % texts.length;
      expect(jaccard(sets, row, other)).toBeCloseTo(exactJaccard(text, texts[other]!), 12);
    });
  });
});

it('chooses bands in which pairs at the threshold meet', () => {
  for (const threshold of [0.5, 0.7, 0.8, 0.9, 0.95]) {
    const { bands, rows } = chooseBands(threshold);
    expect(1 - (1 - threshold ** rows) ** bands).toBeGreaterThanOrEqual(0.97);
    expect(bands * rows).toBeLessThanOrEqual(96);
  }
});
