import { textWords } from '../selection/token-sets.js';

/** The words and word pairs of many texts as 32-bit hashes: those of text i are `tokens[offsets[i] … offsets[i + 1])`, ascending. */
export interface HashedSets {
  offsets: Uint32Array;
  tokens: Uint32Array;
}

/** 4 bytes a distinct word or pair; two different ones have the same hash once in 4 billion. */
export function hashedTokenSets(texts: readonly string[]): HashedSets {
  const offsets = new Uint32Array(texts.length + 1);
  let tokens = new Uint32Array(Math.max(1024, texts.length * 32));
  const hashOf = new Map<string, number>();
  texts.forEach((text, row) => {
    const words = textWords(text);
    const set = new Uint32Array(Math.max(0, 2 * words.length - 1));
    let before = 0;
    words.forEach((word, place) => {
      let hash = hashOf.get(word);
      if (hash === undefined) {
        hash = hashWord(word);
        if (hashOf.size < MOST_WORDS) hashOf.set(word, hash);
      }
      set[2 * place] = hash;
      if (place > 0) set[2 * place - 1] = mix(Math.imul(before, 0x85ebca6b) + hash + 1);
      before = hash;
    });
    set.sort();
    let size = offsets[row]!;
    if (size + set.length > tokens.length) {
      const larger = new Uint32Array(Math.max(2 * tokens.length, size + set.length));
      larger.set(tokens);
      tokens = larger;
    }
    for (let at = 0; at < set.length; at++) if (at === 0 || set[at] !== set[at - 1]) tokens[size++] = set[at]!;
    offsets[row + 1] = size;
  });
  return { offsets, tokens: tokens.subarray(0, offsets[texts.length]) };
}

/** Words whose hash is remembered; the rest are hashed each time. */
const MOST_WORDS = 1_000_000;

/** Shared ÷ all tokens of two texts of the sets, 0 … 1; 1 for two empty ones. */
export function jaccard({ offsets, tokens }: HashedSets, first: number, second: number): number {
  let [a, b] = [offsets[first]!, offsets[second]!];
  const [endA, endB] = [offsets[first + 1]!, offsets[second + 1]!];
  const total = endA - a + (endB - b);
  if (total === 0) return 1;
  let shared = 0;
  while (a < endA && b < endB) {
    const [left, right] = [tokens[a]!, tokens[b]!];
    if (left === right) shared++;
    if (left <= right) a++;
    if (right <= left) b++;
  }
  return shared / (total - shared);
}

/** FNV-1a over UTF-16 units, finished by MurmurHash3's mixer. */
function hashWord(word: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
  return mix(hash);
}

function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
