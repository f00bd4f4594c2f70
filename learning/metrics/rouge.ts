import { commonSubsequenceLength, commonSubsequenceTable } from './longest-common-subsequence.js';
import { clippedMatches, countNgrams } from './n-grams.js';
import { porterStem } from './porter-stemmer.js';

export interface RougeScore {
  precision: number;
  recall: number;
  fMeasure: number;
}

export interface RougeOptions {
  /** Compares Porter stems of words longer than three letters; default false. */
  stem?: boolean;
}

/** rouge-score's tokens: lower case, everything outside [a-z0-9] is a space (non-Latin text has no tokens). */
function rougeTokens(text: string, { stem = false }: RougeOptions): string[] {
  const tokens = text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((token) => token !== '');
  return stem ? tokens.map((token) => (token.length > 3 ? porterStem(token) : token)) : tokens;
}

function fromCounts(matches: number, hypothesisTotal: number, referenceTotal: number): RougeScore {
  const precision = matches / Math.max(hypothesisTotal, 1);
  const recall = matches / Math.max(referenceTotal, 1);
  const fMeasure = precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;
  return { precision, recall, fMeasure };
}

/** ROUGE-N of one text against one reference, 0–1 (Lin 2004; rouge-score 0.1.2). */
export function rougeN(hypothesis: string, reference: string, order: number, options: RougeOptions = {}): RougeScore {
  const hypothesisTokens = rougeTokens(hypothesis, options);
  const referenceTokens = rougeTokens(reference, options);
  const matches = clippedMatches(countNgrams(hypothesisTokens, order), countNgrams(referenceTokens, order));
  return fromCounts(matches, hypothesisTokens.length - order + 1, referenceTokens.length - order + 1);
}

/** ROUGE-L: precision and recall of the longest common token subsequence, 0–1; line ends mean nothing. */
export function rougeL(hypothesis: string, reference: string, options: RougeOptions = {}): RougeScore {
  const hypothesisTokens = rougeTokens(hypothesis, options);
  const referenceTokens = rougeTokens(reference, options);
  const common = commonSubsequenceLength(hypothesisTokens, referenceTokens);
  return fromCounts(common, hypothesisTokens.length, referenceTokens.length);
}

/**
 * Summary-level ROUGE-L: each line is a sentence, and a reference sentence counts the tokens that it has in common with
 * any sentence of the hypothesis, no token more often than both texts hold it.
 */
export function rougeLsum(hypothesis: string, reference: string, options: RougeOptions = {}): RougeScore {
  const sentences = (text: string) => text.split('\n').map((line) => rougeTokens(line, options));
  const hypothesisSentences = sentences(hypothesis);
  const referenceSentences = sentences(reference);
  const hypothesisLeft = countNgrams(hypothesisSentences.flat(), 1);
  const referenceLeft = countNgrams(referenceSentences.flat(), 1);
  let matches = 0;
  for (const sentence of referenceSentences) {
    const common = new Set(hypothesisSentences.flatMap((other) => commonPlaces(sentence, other)));
    for (const place of [...common].sort((a, b) => a - b)) {
      const token = sentence[place]!;
      const [inHypothesis, inReference] = [hypothesisLeft.get(token) ?? 0, referenceLeft.get(token) ?? 0];
      if (inHypothesis === 0 || inReference === 0) continue;
      matches++;
      hypothesisLeft.set(token, inHypothesis - 1);
      referenceLeft.set(token, inReference - 1);
    }
  }
  return fromCounts(matches, hypothesisSentences.flat().length, referenceSentences.flat().length);
}

/** Places in the reference of one longest common subsequence; of several, the one that rouge-score reads out. */
function commonPlaces(reference: readonly string[], hypothesis: readonly string[]): number[] {
  const table = commonSubsequenceTable(reference, hypothesis);
  const width = hypothesis.length + 1;
  const places: number[] = [];
  let [row, column] = [reference.length, hypothesis.length];
  while (row > 0 && column > 0) {
    const place = row * width + column;
    if (reference[row - 1] === hypothesis[column - 1]) {
      places.push(row - 1);
      row--;
      column--;
    } else if (table[place - 1]! > table[place - width]!) column--;
    else row--;
  }
  return places;
}
