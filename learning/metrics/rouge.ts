import { clippedMatches, countNgrams } from './n-grams.js';

export interface RougeScore {
  precision: number;
  recall: number;
  fMeasure: number;
}

/** rouge-score's tokens: lower case, everything outside [a-z0-9] is a space (non-Latin text has no tokens). */
function rougeTokens(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((token) => token !== '');
}

function fromCounts(matches: number, hypothesisTotal: number, referenceTotal: number): RougeScore {
  const precision = matches / Math.max(hypothesisTotal, 1);
  const recall = matches / Math.max(referenceTotal, 1);
  const fMeasure = precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;
  return { precision, recall, fMeasure };
}

/** ROUGE-N of one text against one reference, 0–1, no stemming (Lin 2004; rouge-score 0.1.2). */
export function rougeN(hypothesis: string, reference: string, order: number): RougeScore {
  const hypothesisTokens = rougeTokens(hypothesis);
  const referenceTokens = rougeTokens(reference);
  const matches = clippedMatches(countNgrams(hypothesisTokens, order), countNgrams(referenceTokens, order));
  return fromCounts(matches, hypothesisTokens.length - order + 1, referenceTokens.length - order + 1);
}

/** ROUGE-L: precision and recall of the longest common token subsequence, 0–1, no stemming. */
export function rougeL(hypothesis: string, reference: string): RougeScore {
  const hypothesisTokens = rougeTokens(hypothesis);
  const referenceTokens = rougeTokens(reference);
  const common = longestCommonSubsequence(hypothesisTokens, referenceTokens);
  return fromCounts(common, hypothesisTokens.length, referenceTokens.length);
}

function longestCommonSubsequence(first: readonly string[], second: readonly string[]): number {
  let previous = new Uint32Array(second.length + 1);
  for (const token of first) {
    const current = new Uint32Array(second.length + 1);
    for (let column = 1; column <= second.length; column++) {
      current[column] =
        token === second[column - 1] ? previous[column - 1]! + 1 : Math.max(previous[column]!, current[column - 1]!);
    }
    previous = current;
  }
  return previous[second.length]!;
}
