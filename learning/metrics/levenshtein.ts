import { distance } from 'fastest-levenshtein';
import { commonSubsequenceLength } from './longest-common-subsequence.js';
import { splitWords } from './tokenize.js';

const SURROGATE = /[\ud800-\udfff]/;

/** Comparisons of one unit with another up to which a distance is exact: those of two texts of 20,000 take a quarter second. */
const EXACT = 20_000 ** 2;
/** Units of a text that are compared at once beyond that. */
const BLOCK = 4096;

/** What both texts begin and end with costs nothing and need not be compared: the time grows with the square of the rest. */
function distanceOfUnits(first: string, second: string): number {
  const shorter = Math.min(first.length, second.length);
  let start = 0;
  while (start < shorter && first.charCodeAt(start) === second.charCodeAt(start)) start++;
  let end = 0;
  while (
    end < shorter - start &&
    first.charCodeAt(first.length - 1 - end) === second.charCodeAt(second.length - 1 - end)
  )
    end++;
  return distanceInBlocks(first.slice(start, first.length - end), second.slice(start, second.length - end));
}

/** The distance, or of longer texts the sum over as many equal parts of both, which is no less: time in proportion to the length. */
function distanceInBlocks(first: string, second: string): number {
  if (first.length * second.length <= EXACT) return distance(first, second);
  const blocks = Math.ceil(Math.max(first.length, second.length) / BLOCK);
  const part = (text: string, block: number) =>
    text.slice(Math.floor((block * text.length) / blocks), Math.floor(((block + 1) * text.length) / blocks));
  let sum = 0;
  for (let block = 0; block < blocks; block++) sum += distance(part(first, block), part(second, block));
  return sum;
}

/** Gives each distinct item one UTF-16 unit, so that a distance over units is one over items. */
function distanceOfItems(first: Iterable<string>, second: Iterable<string>): number {
  const unitOf = new Map<string, string>();
  const convert = (items: Iterable<string>): string => {
    let converted = '';
    for (const item of items) {
      let unit = unitOf.get(item);
      if (unit === undefined) {
        unit = String.fromCharCode(unitOf.size);
        unitOf.set(item, unit);
      }
      converted += unit;
    }
    return converted;
  };
  return distanceOfUnits(convert(first), convert(second));
}

/**
 * Levenshtein distance over Unicode code points (insert, delete, substitute cost 1), as rapidfuzz counts it. Of two texts
 * that differ over more than about 20,000 characters each it is an upper bound.
 */
export function levenshteinDistance(first: string, second: string): number {
  return SURROGATE.test(first) || SURROGATE.test(second)
    ? distanceOfItems(first, second)
    : distanceOfUnits(first, second);
}

/** 1 − distance ÷ length of the longer text in code points: 0 … 1, symmetric, 1 for two empty texts. */
export function levenshteinSimilarity(first: string, second: string): number {
  if (first === second) return 1;
  const longer = Math.max(codePoints(first), codePoints(second));
  return 1 - levenshteinDistance(first, second) / longer;
}

/** Levenshtein distance over words separated by white space. */
export function wordDistance(first: string, second: string): number {
  return distanceOfItems(splitWords(first), splitWords(second));
}

/** Edit distance over code points with insertions and deletions only (a substitution counts 2). */
export function indelDistance(first: string, second: string): number {
  const [left, right] = [[...first], [...second]];
  return left.length + right.length - 2 * commonSubsequenceLength(left, right);
}

/** 1 − indel distance ÷ summed length of both texts, 0 … 1 (rapidfuzz's `ratio` ÷ 100); 1 for two empty texts. */
export function indelSimilarity(first: string, second: string): number {
  const longest = codePoints(first) + codePoints(second);
  return longest === 0 ? 1 : 1 - indelDistance(first, second) / longest;
}

function codePoints(text: string): number {
  return SURROGATE.test(text) ? [...text].length : text.length;
}
