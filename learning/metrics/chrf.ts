import { clippedMatches, countNgrams } from './n-grams.js';
import { splitWords } from './tokenize-13a.js';

export interface ChrfOptions {
  /** Longest character n-gram; default 6. */
  characterOrder?: number;
  /** Longest word n-gram; default 0 (chrF), 2 gives chrF++. */
  wordOrder?: number;
  /** Weight of recall over precision; default 2. */
  beta?: number;
}

const PUNCTUATION = new Set('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~');

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

/**
 * chrF of one text against one reference, 0–100 (Popović 2015; sacreBLEU 2.6): precision and recall averaged over the
 * orders that both texts have n-grams of, whitespace ignored, case kept.
 */
export function chrf(hypothesis: string, reference: string, options: ChrfOptions = {}): number {
  const { characterOrder = 6, wordOrder = 0, beta = 2 } = options;
  const characters = (text: string) => [...splitWords(text).join('')];
  let precision = 0;
  let recall = 0;
  let orders = 0;
  const addOrders = (
    hypothesisTokens: readonly string[],
    referenceTokens: readonly string[],
    highest: number,
  ): void => {
    for (let order = 1; order <= highest; order++) {
      const hypothesisTotal = hypothesisTokens.length - order + 1;
      const referenceTotal = referenceTokens.length - order + 1;
      if (hypothesisTotal <= 0 || referenceTotal <= 0) return;
      const matches = clippedMatches(countNgrams(hypothesisTokens, order), countNgrams(referenceTokens, order));
      precision += matches / hypothesisTotal;
      recall += matches / referenceTotal;
      orders++;
    }
  };
  addOrders(characters(hypothesis), characters(reference), characterOrder);
  addOrders(chrfWords(hypothesis), chrfWords(reference), wordOrder);
  if (precision + recall === 0) return 0;
  const factor = beta ** 2;
  return (100 * (1 + factor) * (precision / orders) * (recall / orders)) / ((factor * precision + recall) / orders);
}
