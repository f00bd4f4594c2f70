import { numberNgrams } from './n-grams.js';
import { bleuTokens, type BleuTokenizer } from './tokenize.js';

export interface BleuOptions {
  tokenize?: BleuTokenizer;
  /**
   * Chen and Cherry 2014: `floor` puts a value for a zero count, `add-k` adds a value to the counts of orders 2–4, `exp`
   * halves from one zero order to the next.
   */
  smoothing?: 'none' | 'floor' | 'add-k' | 'exp';
  /** The value of `floor` (default 0.1) or `add-k` (default 1). */
  smoothingValue?: number;
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
const SMOOTHING_VALUES = { floor: 0.1, 'add-k': 1 } as const;
/** sacreBLEU's stand-in for log 0. */
const LOG_OF_ZERO = -9999999999;

function tokensOf(text: string, options: BleuOptions): string[] {
  return bleuTokens(options.lowercase ? text.toLowerCase() : text, options.tokenize ?? '13a');
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
    numberNgrams([hypothesis, ...segmentReferences], MAX_ORDER).forEach(({ sequences, size }, order) => {
      const [own, ...others] = sequences;
      const largest = largestCounts(others, size);
      totals[order]! += own!.length;
      // Each n-gram of the hypothesis uses up one of the reference's.
      for (const ngram of own!) if (largest[ngram]!-- > 0) matches[order]!++;
    });
  });
  return combine(matches, totals, hypothesisLength, referenceLength, options);
}

/** BLEU of one sentence, with effective order unless switched off (sacreBLEU's `sentence_bleu`). */
export function sentenceBleu(hypothesis: string, references: readonly string[], options: BleuOptions = {}): BleuResult {
  return corpusBleu([hypothesis], [references], { effectiveOrder: true, ...options });
}

/** The value of the smoothing that is set, null where it takes none. */
function smoothingValue({ smoothing = 'exp', smoothingValue: given }: BleuOptions): number | null {
  return smoothing === 'floor' || smoothing === 'add-k' ? (given ?? SMOOTHING_VALUES[smoothing]) : null;
}

/** The version of sacreBLEU that these scores equal. */
export const SACREBLEU_VERSION = '2.6.0';

/**
 * sacreBLEU's signature of a corpus score: what a reader needs to compute the same.
 *
 * @param references how many each segment has
 */
export function bleuSignature(references: number, options: BleuOptions = {}): string {
  const value = smoothingValue(options);
  const smoothing = `${options.smoothing ?? 'exp'}${value === null ? '' : `[${fixed(value, 2)}]`}`;
  return [
    `nrefs:${references}`,
    `case:${options.lowercase ? 'lc' : 'mixed'}`,
    `eff:${options.effectiveOrder ? 'yes' : 'no'}`,
    `tok:${options.tokenize ?? '13a'}`,
    `smooth:${smoothing}`,
    `version:${SACREBLEU_VERSION}`,
  ].join('|');
}

/** A score as sacreBLEU prints it, for example `BLEU = 42.70 62.5/46.5/36.8/31.1 (BP = 1.000 ratio = 1.047 …)`. */
export function formatBleu(result: BleuResult): string {
  const { hypothesisLength, referenceLength } = result;
  const ratio = referenceLength === 0 ? 0 : hypothesisLength / referenceLength;
  const precisions = result.precisions.map((precision) => fixed(precision, 1)).join('/');
  return (
    `BLEU = ${fixed(result.score, 2)} ${precisions} (BP = ${fixed(result.brevityPenalty, 3)} ` +
    `ratio = ${fixed(ratio, 3)} hyp_len = ${hypothesisLength} ref_len = ${referenceLength})`
  );
}

/** `digits` decimals as Python prints them: a tie goes to the even digit, where `toFixed` rounds up. */
function fixed(value: number, digits: number): string {
  // A tie ends in exactly one binary digit more than there are decimals.
  const doubled = value * 2 ** (digits + 1);
  if (Number.isInteger(doubled) && doubled % 2 !== 0) {
    const lower = Math.floor(value * 10 ** digits);
    return ((lower % 2 === 0 ? lower : lower + 1) / 10 ** digits).toFixed(digits);
  }
  return value.toFixed(digits);
}

/** How often each number occurs in the sequence that has it most often. */
function largestCounts(sequences: readonly Int32Array[], size: number): Int32Array {
  const largest = new Int32Array(size);
  for (const numbers of sequences) {
    const counts = sequences.length === 1 ? largest : new Int32Array(size);
    for (let i = 0; i < numbers.length; i++) counts[numbers[i]!]!++;
    if (sequences.length > 1) for (let i = 0; i < size; i++) largest[i] = Math.max(largest[i]!, counts[i]!);
  }
  return largest;
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
  const value = smoothingValue(options) ?? 0;
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
      matches[index]! += value;
      totals[index]! += value;
    }
    if (totals[index] === 0) break;
    if (options.effectiveOrder) orders = order;
    if (matches[index] === 0) {
      if (smoothing === 'exp') {
        exponential *= 2;
        precisions[index] = 100 / (exponential * totals[index]!);
      } else if (smoothing === 'floor') {
        precisions[index] = (100 * value) / totals[index]!;
      }
    } else {
      precisions[index] = (100 * matches[index]!) / totals[index]!;
    }
  }
  let logSum = 0;
  for (const precision of precisions.slice(0, orders)) logSum += precision === 0 ? LOG_OF_ZERO : Math.log(precision);
  return { score: brevityPenalty * Math.exp(logSum / orders), ...result };
}
