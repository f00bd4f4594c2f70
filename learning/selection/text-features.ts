import { matrixOf, type Matrix } from './strategies/matrix.js';
import { tokenSet } from './token-sets.js';

/** Columns of a text's features: enough that the words of a request seldom share one. */
const DIMENSIONS = 128;

/**
 * Texts as unit vectors `[texts, 128]` without a model: their words and word pairs, hashed into columns with a sign
 * (Weinberger et al. 2009, "Feature hashing for large scale multitask learning"). A text without words is all zeros.
 */
export function textFeatures(texts: readonly string[]): Matrix {
  return matrixOf(
    texts.map((text) => {
      const row = Array.from({ length: DIMENSIONS }, () => 0);
      for (const token of tokenSet(text)) {
        const hash = fnv1a(token);
        row[hash % DIMENSIONS]! += hash & 0x8000_0000 ? -1 : 1;
      }
      const norm = Math.hypot(...row);
      return norm === 0 ? row : row.map((value) => value / norm);
    }),
  );
}

/** FNV-1a over the UTF-16 units of a text, as an unsigned integer of 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
