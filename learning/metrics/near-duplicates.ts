import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import { hashedTokenSets, jaccard, type HashedSets } from './hashed-token-sets.js';

export interface NearDuplicateOptions {
  /** Jaccard index of the words and word pairs from which two texts are near-duplicates; default 0.8. */
  threshold?: number;
  /** Of the hash functions; default 1. */
  seed?: number;
}

export interface NearDuplicates {
  /** For each text the index of the first text of its group; its own where it has no duplicate before it. */
  firstOfGroup: Uint32Array;
  /** Groups of two and more, members ascending, in the order of their first members. */
  groups: number[][];
  /** Pairs of texts that were compared. */
  comparisons: number;
}

/** Hash functions to choose bands from. */
const HASHES = 96;
/** Share of the pairs at the threshold that must meet in a band. */
const RECALL = 0.97;
/** Texts of a bucket that later ones are compared with: keeps a bucket of n texts from costing n². */
const BUCKET = 32;
const INDEX_RANGE = 2 ** 21;

/**
 * Groups texts that are nearly the same without comparing each with each: MinHash signatures cut into bands (Broder 1997;
 * Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets" §3.4). Texts that agree in a whole band are compared exactly
 * and joined when their Jaccard index reaches the threshold, so there are no false pairs. A pair at the threshold meets
 * with probability 1 − (1 − thresholdʳ)ᵇ ≥ 0.97, b bands of r hashes; a closer pair more surely. Groups are chains: the
 * ends of one may be less alike than the threshold.
 *
 * Time grows with texts × words; at most 2²¹ texts. The same texts in the same order and the same seed give the same groups.
 *
 * @throws RatchetError E_DATA_INVALID on a threshold outside 0.3 … 1 or too many texts
 */
export function findNearDuplicates(texts: readonly string[], options: NearDuplicateOptions = {}): NearDuplicates {
  const { threshold = 0.8, seed = 1 } = options;
  if (!(threshold >= 0.3 && threshold <= 1)) throw refused(`the threshold is ${threshold}, outside 0.3 … 1`);
  if (texts.length > INDEX_RANGE) throw refused(`${texts.length} texts, more than ${INDEX_RANGE}`);
  const sets = hashedTokenSets(texts);
  const groups = new DisjointGroups(texts.length);
  let comparisons = 0;

  const join = (keys: Uint32Array, members: ArrayLike<number>, bucketLimit: number) => {
    for (const bucket of buckets(keys, members)) {
      const kept: number[] = [];
      for (const row of bucket) {
        for (const other of kept) {
          if (groups.find(row) === groups.find(other)) continue;
          comparisons++;
          if (jaccard(sets, row, other) >= threshold) groups.join(row, other);
        }
        if (kept.length < bucketLimit) kept.push(row);
      }
    }
  };

  // Equal texts first: only one of each goes on.
  const all = Uint32Array.from(texts, (_, row) => row);
  join(hashWhole(sets), all, 1);
  const distinct = all.filter((row) => groups.find(row) === row);

  const { bands, rows } = chooseBands(threshold);
  const random = stream(seed, 'near-duplicates');
  const word = () => random.integer(2 ** 32) | 0;
  for (let band = 0; band < bands; band++) {
    const functions = Array.from({ length: rows }, () => ({ mask: word(), factor: word() | 1 }));
    join(bandKeys(sets, distinct, functions), distinct, BUCKET);
  }
  return { ...groups.report(), comparisons };
}

/** The widest bands in which enough pairs at the threshold meet: wider ones bring fewer vain comparisons. */
export function chooseBands(threshold: number): { bands: number; rows: number } {
  for (let rows = HASHES; rows > 1; rows--) {
    const bands = Math.floor(HASHES / rows);
    if (1 - (1 - threshold ** rows) ** bands >= RECALL) return { bands, rows };
  }
  return { bands: HASHES, rows: 1 };
}

/** One key a member: a hash of its smallest token under each function. Equal sets have equal keys. */
function bandKeys(
  { offsets, tokens }: HashedSets,
  members: Uint32Array,
  functions: readonly { mask: number; factor: number }[],
): Uint32Array {
  const keys = new Uint32Array(members.length);
  for (const { mask, factor } of functions) {
    for (let place = 0; place < members.length; place++) {
      const row = members[place]!;
      let smallest = 0xffffffff;
      for (let at = offsets[row]!, end = offsets[row + 1]!; at < end; at++) {
        let hash = Math.imul(tokens[at]! ^ mask, factor);
        hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
        hash = (hash ^ (hash >>> 13)) >>> 0;
        if (hash < smallest) smallest = hash;
      }
      keys[place] = Math.imul(keys[place]! ^ smallest, 0x9e3779b1) ^ (keys[place]! >>> 15);
    }
  }
  return keys;
}

/** A key of the whole set of each text. */
function hashWhole({ offsets, tokens }: HashedSets): Uint32Array {
  return Uint32Array.from({ length: offsets.length - 1 }, (_, row) => {
    let key = 0;
    for (let at = offsets[row]!; at < offsets[row + 1]!; at++)
      key = Math.imul(key ^ tokens[at]!, 0x9e3779b1) ^ (key >>> 15);
    return key;
  });
}

/** Members with equal keys, where there are two or more, ascending. */
function* buckets(keys: Uint32Array, members: ArrayLike<number>): Generator<number[]> {
  // Key and place in one number below 2⁵³, so that the native sort can be used.
  const sorted = Float64Array.from(keys, (key, place) => key * INDEX_RANGE + place).sort();
  const keyAt = (index: number) => Math.floor(sorted[index]! / INDEX_RANGE);
  for (let from = 0; from < sorted.length;) {
    let to = from + 1;
    while (to < sorted.length && keyAt(to) === keyAt(from)) to++;
    if (to - from > 1) yield Array.from(sorted.subarray(from, to), (packed) => members[packed % INDEX_RANGE]!);
    from = to;
  }
}

/** Union-find whose roots are the smallest members. */
class DisjointGroups {
  private readonly parent: Uint32Array;

  constructor(size: number) {
    this.parent = Uint32Array.from({ length: size }, (_, index) => index);
  }

  find(index: number): number {
    const { parent } = this;
    while (parent[index] !== index) {
      parent[index] = parent[parent[index]!]!;
      index = parent[index]!;
    }
    return index;
  }

  join(first: number, second: number): void {
    const [a, b] = [this.find(first), this.find(second)];
    this.parent[Math.max(a, b)] = Math.min(a, b);
  }

  report(): Pick<NearDuplicates, 'firstOfGroup' | 'groups'> {
    const firstOfGroup = this.parent.map((_, index) => this.find(index));
    const members = new Map<number, number[]>();
    firstOfGroup.forEach((first, index) => {
      if (first === index) return;
      const group = members.get(first);
      if (group === undefined) members.set(first, [first, index]);
      else group.push(index);
    });
    return { firstOfGroup, groups: [...members.values()].sort((a, b) => a[0]! - b[0]!) };
  }
}

const refused = (what: string) =>
  new RatchetError('E_DATA_INVALID', `near-duplicates: ${what}`, {
    hint: 'Give a threshold of 0.3 to 1, and larger sets in parts.',
  });
