import { countNgrams } from './n-grams.js';
import { splitWords, tokenize13a } from './tokenize-13a.js';

export interface BleuOptions {
  tokenize?: '13a' | 'none';
  /** `floor` adds 0.1 to a zero count, `add-k` adds 1 to orders 2–4, `exp` halves from one zero order to the next. */
  smoothing?: 'none' | 'floor' | 'add-k' | 'exp';
  /** Averages over the orders that the hypothesis is long enough for. */
  effectiveOrder?: boolean;
  lowercase?: boolean;
}

export interface BleuResult {
  /** 0–100 (identical texts may give 100.00000000000004, as in sacreBLEU). */
  score: number;
  /** Per order 1–4, 0–100. */
  precisions: number[];
  brevityPenalty: number;
  hypothesisLength: number;
  referenceLength: number;
  /** Clipped matches and n-grams of the hypothesis, per order 1–4. */
  matches: number[];
  totals: number[];
}

const MAX_ORDER = 4;
const FLOOR_VALUE = 0.1;
const ADD_K_VALUE = 1;
/** sacreBLEU's stand-in for log 0. */
const LOG_OF_ZERO = -9999999999;

function tokensOf(text: string, options: BleuOptions): string[] {
  const prepared = (options.lowercase ? text.toLowerCase() : text).trimEnd();
  return splitWords((options.tokenize ?? '13a') === '13a' ? tokenize13a(prepared) : prepared);
}

/**
 * BLEU of a corpus against one or more references a segment (Papineni 2002; sacreBLEU 2.6 conventions: closest
 * reference length with ties to the shorter, exponential smoothing and the 13a tokeniser by default).
 * @param hypotheses one text a segment
 * @param references for each segment, its references
 */
export function corpusBleu(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: BleuOptions = {},
): BleuResult {
  const matches = [0, 0, 0, 0];
  const totals = [0, 0, 0, 0];
  let hypothesisLength = 0;
  let referenceLength = 0;
  hypotheses.forEach((text, segment) => {
    const hypothesis = tokensOf(text, options);
    const segmentReferences = (references[segment] ?? []).map((reference) => tokensOf(reference, options));
    hypothesisLength += hypothesis.length;
    referenceLength += closestLength(
      hypothesis.length,
      segmentReferences.map((reference) => reference.length),
    );
    for (let order = 1; order <= MAX_ORDER; order++) {
      const counts = countNgrams(hypothesis, order);
      const largest = new Map<string, number>();
      for (const reference of segmentReferences) {
        for (const [key, count] of countNgrams(reference, order))
          largest.set(key, Math.max(count, largest.get(key) ?? 0));
      }
      for (const [key, count] of counts) {
        matches[order - 1]! += Math.min(count, largest.get(key) ?? 0);
        totals[order - 1]! += count;
      }
    }
  });
  return combine(matches, totals, hypothesisLength, referenceLength, options);
}

/** BLEU of one sentence, with effective order unless switched off (sacreBLEU's `sentence_bleu`). */
export function sentenceBleu(hypothesis: string, references: readonly string[], options: BleuOptions = {}): BleuResult {
  return corpusBleu([hypothesis], [references], { effectiveOrder: true, ...options });
}

function closestLength(length: number, candidates: readonly number[]): number {
  let closest = candidates[0] ?? 0;
  for (const candidate of candidates) {
    const difference = Math.abs(candidate - length) - Math.abs(closest - length);
    if (difference < 0 || (difference === 0 && candidate < closest)) closest = candidate;
  }
  return closest;
}

function combine(
  matches: number[],
  totals: number[],
  hypothesisLength: number,
  referenceLength: number,
  options: BleuOptions,
): BleuResult {
  const smoothing = options.smoothing ?? 'exp';
  const precisions = [0, 0, 0, 0];
  let brevityPenalty = 1;
  if (hypothesisLength < referenceLength) {
    brevityPenalty = hypothesisLength > 0 ? Math.exp(1 - referenceLength / hypothesisLength) : 0;
  }
  const result = { precisions, brevityPenalty, hypothesisLength, referenceLength, matches, totals };
  if (matches.every((count) => count === 0)) return { score: 0, ...result };
  let orders = MAX_ORDER;
  let exponential = 1;
  for (let order = 1; order <= MAX_ORDER; order++) {
    const index = order - 1;
    if (smoothing === 'add-k' && order > 1) {
      matches[index]! += ADD_K_VALUE;
      totals[index]! += ADD_K_VALUE;
    }
    if (totals[index] === 0) break;
    if (options.effectiveOrder) orders = order;
    if (matches[index] === 0) {
      if (smoothing === 'exp') {
        exponential *= 2;
        precisions[index] = 100 / (exponential * totals[index]!);
      } else if (smoothing === 'floor') {
        precisions[index] = (100 * FLOOR_VALUE) / totals[index]!;
      }
    } else {
      precisions[index] = (100 * matches[index]!) / totals[index]!;
    }
  }
  let logSum = 0;
  for (const precision of precisions.slice(0, orders)) logSum += precision === 0 ? LOG_OF_ZERO : Math.log(precision);
  return { score: brevityPenalty * Math.exp(logSum / orders), ...result };
}
