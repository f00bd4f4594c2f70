import { invalid, type JsonPart } from '../json-part.js';
import { byteTokens, type ModelToken, type TokenModel } from './model.js';

/** How much worse than the worst piece an unknown character is (SentencePiece). */
const UNKNOWN_PENALTY = 10;

interface TrieNode {
  children: Map<number, TrieNode>;
  id: number;
  score: number;
}

/**
 * Unigram language model (Kudo, 2018): the segmentation of the highest sum of scores, found by Viterbi; of equal sums
 * the one found first. Neighbouring unknown characters become one unknown piece.
 */
export function readUnigram(part: JsonPart): TokenModel {
  const entries = part.list('vocab') as [string, number][];
  const vocabulary = new Map<string, number>();
  const root: TrieNode = { children: new Map(), id: -1, score: 0 };
  let lowest = Infinity;
  entries.forEach((entry, id) => {
    if (!Array.isArray(entry) || typeof entry[0] !== 'string' || typeof entry[1] !== 'number') {
      throw invalid(`${part.path}.vocab[${id}]`, 'is no pair of a text and a score');
    }
    const [text, score] = entry;
    vocabulary.set(text, id);
    lowest = Math.min(lowest, score);
    let node = root;
    for (let unit = 0; unit < text.length; unit++) {
      const code = text.charCodeAt(unit);
      let child = node.children.get(code);
      if (child === undefined) node.children.set(code, (child = { children: new Map(), id: -1, score: 0 }));
      node = child;
    }
    node.id = id;
    node.score = score;
  });
  const unknownId = part.has('unk_id') ? part.integer('unk_id') : null;
  const byteFallback = part.flag('byte_fallback', false);
  const unknownScore = lowest - UNKNOWN_PENALTY;

  return {
    vocabulary,
    tokenize(word) {
      const tokens: ModelToken[] = [];
      for (const [start, end] of bestPath(word, root, unknownScore, unknownId, part.path)) {
        const text = word.slice(start, end);
        const id = vocabulary.get(text);
        const bytes = id === undefined && byteFallback ? byteTokens(text, vocabulary) : null;
        if (bytes !== null) for (const token of bytes) tokens.push({ ...token, start, end });
        else tokens.push({ id: id ?? unknownId!, text, start, end });
      }
      return tokens;
    },
  };
}

/** Pieces [start, end) of the best segmentation, unknown neighbours already joined. */
function bestPath(
  word: string,
  root: TrieNode,
  unknownScore: number,
  unknownId: number | null,
  path: string,
): [number, number][] {
  const size = word.length;
  const score = new Float64Array(size + 1);
  const from = new Int32Array(size + 1).fill(-1);
  const ids = new Int32Array(size + 1).fill(-1);
  const offer = (end: number, candidate: number, start: number, id: number): void => {
    if (from[end] !== -1 && candidate <= score[end]!) return;
    score[end] = candidate;
    from[end] = start;
    ids[end] = id;
  };
  for (let start = 0; start < size; ) {
    const width = word.codePointAt(start)! > 0xffff ? 2 : 1;
    let single = false;
    let node: TrieNode | undefined = root;
    for (let end = start; end < size; ) {
      node = node.children.get(word.charCodeAt(end++));
      if (node === undefined) break;
      if (node.id < 0) continue;
      offer(end, score[start]! + node.score, start, node.id);
      if (end - start === width) single = true;
    }
    if (!single) {
      if (unknownId === null) throw invalid(`${path}.unk_id`, 'is missing, but the text holds an unknown character');
      offer(start + width, score[start]! + unknownScore, start, unknownId);
    }
    start += width;
  }
  const pieces: [number, number][] = [];
  let joins = false;
  for (let end = size; end > 0; end = from[end]!) {
    const isUnknown = ids[end] === unknownId;
    if (isUnknown && joins) pieces.at(-1)![0] = from[end]!;
    else pieces.push([from[end]!, end]);
    joins = isUnknown;
  }
  return pieces.reverse();
}
