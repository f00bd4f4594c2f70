import { invalid, type JsonPart } from '../json-part.js';
import { byteTokens, type ModelToken, type TokenModel } from './model.js';

/** A stretch of the word in the linked list of symbols, [start, end) in UTF-8 bytes of the symbols. */
interface Symbol {
  id: number;
  start: number;
  end: number;
  previous: number;
  next: number;
}

interface Merge {
  rank: number;
  id: number;
}

/** A possible merge of the symbol at `position` with the one after it. */
interface Candidate extends Merge {
  position: number;
  left: number;
  right: number;
}

const CACHED_WORDS = 10_000;
const CACHED_LENGTH = 256;

/**
 * Byte-pair encoding (Sennrich et al., 2016): the pair of the lowest rank is merged first, the leftmost of equals.
 * With byte fallback, prefixes and suffixes as in Rust `tokenizers`.
 */
export function readBpe(part: JsonPart, vocabulary: Map<string, number>): TokenModel {
  return new Bpe(part, vocabulary);
}

class Bpe implements TokenModel {
  private readonly merges = new Map<number, Map<number, Merge>>();
  private readonly names: string[] = [];
  private readonly unknown: { id: number } | null;
  private readonly fuseUnknown: boolean;
  private readonly byteFallback: boolean;
  private readonly ignoreMerges: boolean;
  private readonly prefix: string;
  private readonly suffix: string;
  private readonly cache = new Map<string, ModelToken[]>();

  constructor(
    part: JsonPart,
    readonly vocabulary: Map<string, number>,
  ) {
    for (const [text, id] of vocabulary) this.names[id] = text;
    this.prefix = part.text('continuing_subword_prefix', '');
    this.suffix = part.text('end_of_word_suffix', '');
    this.fuseUnknown = part.flag('fuse_unk', false);
    this.byteFallback = part.flag('byte_fallback', false);
    this.ignoreMerges = part.flag('ignore_merges', false);
    const unknown = part.has('unk_token') ? vocabulary.get(part.text('unk_token')) : undefined;
    this.unknown = unknown === undefined ? null : { id: unknown };
    part.list('merges').forEach((merge, rank) => this.readMerge(merge, rank, `${part.path}.merges[${rank}]`));
  }

  tokenize(word: string): ModelToken[] {
    const cached = this.cache.get(word);
    if (cached !== undefined) return cached;
    const tokens = this.compute(word);
    if (word.length <= CACHED_LENGTH) {
      if (this.cache.size >= CACHED_WORDS) this.cache.clear();
      this.cache.set(word, tokens);
    }
    return tokens;
  }

  private compute(word: string): ModelToken[] {
    const whole = this.ignoreMerges ? this.vocabulary.get(word) : undefined;
    if (whole !== undefined) return [{ id: whole, text: word, start: 0, end: word.length }];
    const symbols = this.symbolsOf(word);
    this.mergeAll(symbols);
    const units = unitsOfBytes(word);
    const tokens: ModelToken[] = [];
    for (let at = symbols.length > 0 ? 0 : -1; at >= 0; at = symbols[at]!.next) {
      const { id, start, end } = symbols[at]!;
      tokens.push({ id, text: this.names[id]!, ...units(start, end) });
    }
    return tokens;
  }

  private readMerge(merge: unknown, rank: number, path: string): void {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2) throw invalid(path, 'is no pair');
    const [left, right] = pair.map((text: unknown) => this.vocabulary.get(String(text)));
    const id = this.vocabulary.get(String(pair[0]) + String(pair[1]).slice(this.prefix.length));
    if (left === undefined || right === undefined || id === undefined) {
      throw invalid(path, `(${pair.join(' ')}) holds or makes a token outside the vocabulary`);
    }
    const known = this.merges.get(left) ?? new Map<number, Merge>();
    known.set(right, { rank, id });
    this.merges.set(left, known);
  }

  /**
   * The characters as symbols. Their positions add up the lengths of the symbols, as in the reference, so a character
   * that is dropped (unknown, without an unknown token) moves all that follow.
   */
  private symbolsOf(word: string): Symbol[] {
    const symbols: Symbol[] = [];
    let position = 0;
    const add = (id: number, bytes: number): void => {
      symbols.push({ id, start: position, end: position + bytes, previous: symbols.length - 1, next: -1 });
      if (symbols.length > 1) symbols[symbols.length - 2]!.next = symbols.length - 1;
      position += bytes;
    };
    let pending = 0;
    const flush = (): void => {
      if (pending > 0) add(this.unknown!.id, pending);
      pending = 0;
    };
    let start = 0;
    for (const character of word) {
      const end = start + character.length;
      const text = (start > 0 ? this.prefix : '') + character + (end === word.length ? this.suffix : '');
      const id = this.vocabulary.get(text);
      const bytes = id === undefined && this.byteFallback ? byteTokens(text, this.vocabulary) : null;
      if (id !== undefined) {
        flush();
        add(id, bytesOf(character));
      } else if (bytes !== null) {
        // The reference leaves an unknown before these bytes pending: it comes out after them.
        for (const token of bytes) add(token.id, 1);
      } else if (this.unknown !== null) {
        if (!this.fuseUnknown) flush();
        pending += bytesOf(character);
      }
      start = end;
    }
    flush();
    return symbols;
  }

  private candidate(symbols: Symbol[], position: number): Candidate | null {
    const symbol = symbols[position];
    const next = symbol === undefined || symbol.next < 0 ? undefined : symbols[symbol.next];
    if (symbol === undefined || next === undefined) return null;
    const merge = this.merges.get(symbol.id)?.get(next.id);
    return merge === undefined ? null : { ...merge, position, left: symbol.id, right: next.id };
  }

  private mergeAll(symbols: Symbol[]): void {
    const queue = new CandidateQueue();
    for (let at = 0; at < symbols.length; at++) queue.push(this.candidate(symbols, at));
    for (let best = queue.pop(); best !== null; best = queue.pop()) {
      const symbol = symbols[best.position]!;
      const next = symbol.next < 0 ? undefined : symbols[symbol.next];
      // Stale: one of the two was merged with another neighbour since.
      if (next === undefined || symbol.id !== best.left || next.id !== best.right) continue;
      symbol.id = best.id;
      symbol.end = Math.max(symbol.end, next.end);
      next.id = -1;
      symbol.next = next.next;
      if (symbol.next >= 0) symbols[symbol.next]!.previous = best.position;
      if (symbol.previous >= 0) queue.push(this.candidate(symbols, symbol.previous));
      queue.push(this.candidate(symbols, best.position));
    }
  }
}

/** UTF-8 bytes of one character; `Buffer.byteLength` costs more than all else that is done with it. */
function bytesOf(character: string): number {
  const point = character.codePointAt(0)!;
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

/** Turns [start, end) in UTF-8 bytes of the word into UTF-16 units; parts of a character count as all of it. */
function unitsOfBytes(word: string): (start: number, end: number) => { start: number; end: number } {
  let size = 0;
  for (const character of word) size += bytesOf(character);
  // Byte fallback of a continuing prefix or an end suffix counts beyond the word.
  if (size === word.length) return (start, end) => ({ start: Math.min(start, size), end: Math.min(end, size) });
  const starts = new Int32Array(size);
  const ends = new Int32Array(size);
  let [unit, byte] = [0, 0];
  for (const character of word) {
    const next = byte + bytesOf(character);
    starts.fill(unit, byte, next);
    ends.fill(unit + character.length, byte, next);
    unit += character.length;
    byte = next;
  }
  return (start, end) => ({
    start: starts[start] ?? word.length,
    end: ends[Math.min(end, size) - 1] ?? word.length,
  });
}

/** Binary heap: lowest rank first, then leftmost. */
class CandidateQueue {
  private readonly heap: Candidate[] = [];

  push(candidate: Candidate | null): void {
    if (candidate === null) return;
    const { heap } = this;
    let child = heap.push(candidate) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(candidate, heap[parent]!)) break;
      heap[child] = heap[parent]!;
      child = parent;
    }
    heap[child] = candidate;
  }

  pop(): Candidate | null {
    const { heap } = this;
    const best = heap[0];
    const last = heap.pop();
    if (best === undefined || last === undefined) return null;
    if (heap.length === 0) return best;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = last;
    return best;
  }
}

const before = (a: Candidate, b: Candidate): boolean => a.rank < b.rank || (a.rank === b.rank && a.position < b.position);
