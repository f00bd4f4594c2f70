import { distance } from 'fastest-levenshtein';

const SURROGATE = /[\ud800-\udfff]/;

/** Gives both texts one UTF-16 unit a code point, so that a distance over units is one over code points. */
function toSingleUnits(first: string, second: string): [string, string] {
  const unitOf = new Map<string, string>();
  const convert = (text: string): string => {
    let converted = '';
    for (const character of text) {
      let unit = unitOf.get(character);
      if (unit === undefined) {
        unit = String.fromCharCode(unitOf.size);
        unitOf.set(character, unit);
      }
      converted += unit;
    }
    return converted;
  };
  return [convert(first), convert(second)];
}

/** Levenshtein distance over Unicode code points (insert, delete, substitute cost 1), as rapidfuzz counts it. */
export function levenshteinDistance(first: string, second: string): number {
  if (SURROGATE.test(first) || SURROGATE.test(second)) return distance(...toSingleUnits(first, second));
  return distance(first, second);
}

/** 1 − distance ÷ length of the longer text in code points: 0 … 1, symmetric, 1 for two empty texts. */
export function levenshteinSimilarity(first: string, second: string): number {
  if (first === second) return 1;
  const longer = Math.max(codePoints(first), codePoints(second));
  return 1 - levenshteinDistance(first, second) / longer;
}

function codePoints(text: string): number {
  return SURROGATE.test(text) ? [...text].length : text.length;
}
