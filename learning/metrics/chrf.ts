import { clippedMatches, countNgrams } from './n-grams.js';
import { SACREBLEU_VERSION } from './bleu.js';
import { splitWords } from './tokenize.js';

export interface ChrfOptions {
  /** Longest character n-gram; default 6. */
  characterOrder?: number;
  /** Longest word n-gram; default 0 (chrF), 2 gives chrF++. */
  wordOrder?: number;
  /** Weight of recall over precision; default 2. */
  beta?: number;
  lowercase?: boolean;
  /** Counts white space as characters; default false. */
  whitespace?: boolean;
  /**
   * Averages the scores of all orders, with 10⁻¹⁶ where one is not defined (chrF++.py, NLTK); by default precision and
   * recall are averaged over the orders that both texts have n-grams of.
   */
  epsilonSmoothing?: boolean;
}

/** Of one n-gram order: n-grams of the hypothesis, of the reference, and of both (clipped). */
interface OrderCounts {
  hypothesis: number;
  reference: number;
  matches: number;
}

const PUNCTUATION = new Set('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~');
const EPSILON = 1e-16;

/** Words with one leading or trailing ASCII punctuation mark split off, as sacreBLEU's chrF++ does it. */
function chrfWords(text: string): string[] {
  return splitWords(text).flatMap((word) => {
    const characters = [...word];
    if (characters.length === 1) return [word];
    if (PUNCTUATION.has(characters.at(-1)!)) return [characters.slice(0, -1).join(''), characters.at(-1)!];
    if (PUNCTUATION.has(characters[0]!)) return [characters[0]!, characters.slice(1).join('')];
    return [word];
  });
}

/** The n-grams of a text: character orders, then word orders. */
function ngramsOf(text: string, options: ChrfOptions): Map<string, number>[] {
  const line = options.lowercase ? text.toLowerCase() : text;
  const characters = [...(options.whitespace ? line : splitWords(line).join(''))];
  const words = chrfWords(line);
  const orders = (highest: number, tokens: readonly string[]) =>
    Array.from({ length: highest }, (_, index) => countNgrams(tokens, index + 1));
  return [...orders(options.characterOrder ?? 6, characters), ...orders(options.wordOrder ?? 0, words)];
}

const total = (counts: ReadonlyMap<string, number>): number => {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
};

function countsOf(hypothesis: readonly Map<string, number>[], reference: readonly Map<string, number>[]) {
  return hypothesis.map((grams, order): OrderCounts => {
    const other = reference[order]!;
    return {
      hypothesis: other.size === 0 ? 0 : total(grams),
      reference: total(other),
      matches: clippedMatches(grams, other),
    };
  });
}

function scoreOf(counts: readonly OrderCounts[], { beta = 2, epsilonSmoothing = false }: ChrfOptions): number {
  const factor = beta ** 2;
  let precisionSum = 0;
  let recallSum = 0;
  let orders = 0;
  let smoothed = 0;
  for (const { hypothesis, reference, matches } of counts) {
    const precision = hypothesis > 0 ? matches / hypothesis : EPSILON;
    const recall = reference > 0 ? matches / reference : EPSILON;
    const weight = factor * precision + recall;
    smoothed += weight > 0 ? ((1 + factor) * precision * recall) / weight : EPSILON;
    if (hypothesis === 0 || reference === 0) continue;
    precisionSum += precision;
    recallSum += recall;
    orders++;
  }
  if (epsilonSmoothing) return (100 * smoothed) / counts.length;
  if (precisionSum + recallSum === 0) return 0;
  const [precision, recall] = [precisionSum / orders, recallSum / orders];
  // In sacreBLEU's order of operations: of two references that are equally near, rounding decides which one counts.
  return 100 * (((1 + factor) * precision * recall) / (factor * precision + recall));
}

/**
 * chrF of a corpus, 0–100 (Popović 2015; sacreBLEU 2.6): n-gram counts are summed over the segments, each taken with
 * the reference that gives it the highest score.
 *
 * @param references for each segment, its references, at least one
 */
export function corpusChrf(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: ChrfOptions = {},
): number {
  const sums: OrderCounts[] = [];
  hypotheses.forEach((text, segment) => {
    const grams = ngramsOf(text, options);
    let best: OrderCounts[] = [];
    let bestScore = -1;
    for (const reference of references[segment] ?? []) {
      const counts = countsOf(grams, ngramsOf(reference, options));
      const score = scoreOf(counts, options);
      if (score > bestScore) [best, bestScore] = [counts, score];
    }
    best.forEach(({ hypothesis, reference, matches }, order) => {
      const sum = (sums[order] ??= { hypothesis: 0, reference: 0, matches: 0 });
      sum.hypothesis += hypothesis;
      sum.reference += reference;
      sum.matches += matches;
    });
  });
  return sums.length === 0 ? 0 : scoreOf(sums, options);
}

/** chrF of one text against one reference, 0–100; case is kept and white space ignored unless the options say so. */
export function chrf(hypothesis: string, reference: string, options: ChrfOptions = {}): number {
  return corpusChrf([hypothesis], [[reference]], options);
}

/** sacreBLEU's signature of a corpus score. */
export function chrfSignature(references: number, options: ChrfOptions = {}): string {
  return [
    `nrefs:${references}`,
    `case:${options.lowercase ? 'lc' : 'mixed'}`,
    `eff:${options.epsilonSmoothing ? 'no' : 'yes'}`,
    `nc:${options.characterOrder ?? 6}`,
    `nw:${options.wordOrder ?? 0}`,
    `space:${options.whitespace ? 'yes' : 'no'}`,
    `version:${SACREBLEU_VERSION}`,
  ].join('|');
}
