import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { corpusBleu, sentenceBleu, type BleuOptions, type BleuResult } from '../../../learning/metrics/bleu.js';
import { chrf } from '../../../learning/metrics/chrf.js';
import { levenshteinDistance, levenshteinSimilarity } from '../../../learning/metrics/levenshtein.js';
import { rougeL, rougeN, type RougeScore } from '../../../learning/metrics/rouge.js';
import { SimilarityCalculator } from '../../../learning/metrics/similarity-calculator.js';
import { tokenize13a } from '../../../learning/metrics/tokenize-13a.js';

interface ReferenceBleu {
  score: number;
  precisions: number[];
  bp: number;
  sys_len: number;
  ref_len: number;
  counts: number[];
  totals: number[];
}
interface Reference {
  pairs: {
    hypothesis: string;
    reference: string;
    tok13a: { hypothesis: string; reference: string };
    bleu: Record<string, ReferenceBleu>;
    levenshtein: { distance: number; normalized_similarity: number };
    chrf: Record<'chrF2' | 'chrF2++' | 'chrF1', number>;
    rouge: Record<'rouge1' | 'rouge2' | 'rougeL', { p: number; r: number; f: number }>;
  }[];
  corpus: Record<string, ReferenceBleu>;
}
const golden = JSON.parse(readFileSync(new URL('fixtures/text-metrics.json', import.meta.url), 'utf8')) as Reference;
const named = golden.pairs.map((pair) => [JSON.stringify(pair.hypothesis.slice(0, 40)), pair] as const);

function optionsOf(key: string): BleuOptions {
  const [tokenize, smoothing, third] = key.split('|') as ['13a' | 'none', 'exp', string];
  return { tokenize, smoothing, effectiveOrder: third === 'eff', lowercase: third === 'lc' };
}

function expectBleu(actual: BleuResult, expected: ReferenceBleu): void {
  expect(actual.matches).toEqual(expected.counts);
  expect(actual.totals).toEqual(expected.totals);
  expect([actual.hypothesisLength, actual.referenceLength]).toEqual([expected.sys_len, expected.ref_len]);
  expect(actual.brevityPenalty).toBeCloseTo(expected.bp, 12);
  expect(actual.score).toBeCloseTo(expected.score, 9);
  actual.precisions.forEach((precision, order) => expect(precision).toBeCloseTo(expected.precisions[order]!, 9));
}

describe('R2 BLEU against sacreBLEU', () => {
  it('R2: reads every reference pair', () => expect(golden.pairs).toHaveLength(40));

  it.each(named)('R2: tokenises %s', (_, pair) => {
    expect(tokenize13a(pair.hypothesis.trimEnd())).toBe(pair.tok13a.hypothesis);
    expect(tokenize13a(pair.reference.trimEnd())).toBe(pair.tok13a.reference);
  });

  it.each(named)('R2: scores sentence %s', (_, pair) => {
    for (const [key, expected] of Object.entries(pair.bleu)) {
      expectBleu(sentenceBleu(pair.hypothesis, [pair.reference], optionsOf(key)), expected);
    }
  });

  it('R2: a sentence shorter than four words is judged by the orders it has', () => {
    expect(sentenceBleu('two words', ['two words']).score).toBeCloseTo(100, 9);
    expect(corpusBleu(['two words'], [['two words']]).score).toBeLessThan(1);
  });

  it.each(Object.entries(golden.corpus))('R2: scores the corpus, %s', (key, expected) => {
    const references = golden.pairs.map((pair) => pair.reference);
    const rotated = [...references.slice(1), references[0]!];
    const lists = references.map((text, index) => (key.endsWith('nref2') ? [text, rotated[index]!] : [text]));
    expectBleu(
      corpusBleu(
        golden.pairs.map((pair) => pair.hypothesis),
        lists,
        optionsOf(key),
      ),
      expected,
    );
  });
});

describe('R2 other text metrics', () => {
  it.each(named)('R2: Levenshtein of %s as rapidfuzz', (_, pair) => {
    expect(levenshteinDistance(pair.hypothesis, pair.reference)).toBe(pair.levenshtein.distance);
    expect(levenshteinSimilarity(pair.hypothesis, pair.reference)).toBeCloseTo(
      pair.levenshtein.normalized_similarity,
      12,
    );
  });

  it.each(named)('R2: chrF of %s as sacreBLEU', (_, pair) => {
    expect(chrf(pair.hypothesis, pair.reference)).toBeCloseTo(pair.chrf.chrF2, 9);
    expect(chrf(pair.hypothesis, pair.reference, { wordOrder: 2 })).toBeCloseTo(pair.chrf['chrF2++'], 9);
    expect(chrf(pair.hypothesis, pair.reference, { beta: 1 })).toBeCloseTo(pair.chrf.chrF1, 9);
  });

  it.each(named)('R2: ROUGE of %s as rouge-score', (_, pair) => {
    const check = (actual: RougeScore, expected: { p: number; r: number; f: number }) => {
      expect(actual.precision).toBeCloseTo(expected.p, 12);
      expect(actual.recall).toBeCloseTo(expected.r, 12);
      expect(actual.fMeasure).toBeCloseTo(expected.f, 12);
    };
    check(rougeN(pair.hypothesis, pair.reference, 1), pair.rouge.rouge1);
    check(rougeN(pair.hypothesis, pair.reference, 2), pair.rouge.rouge2);
    check(rougeL(pair.hypothesis, pair.reference), pair.rouge.rougeL);
  });
});

describe('SimilarityCalculator', () => {
  const first = 'client --> api; api --> customer_db';
  const second = 'client --> lb; lb --> api; api --> customer_db';
  const vectors: Record<string, number[]> = { [first]: [1, 0], [second]: [0.6, 0.8] };
  const withEmbedding = new SimilarityCalculator({ embed: (text) => vectors[text] ?? [-1, 0] });

  it.each(['', ' ', 'x', 'a longer text, with 1.5 numbers'])('R2: %j is identical to itself', (text) => {
    expect(new SimilarityCalculator().calculateSimilarity(text, text)).toBe(1);
    expect(withEmbedding.calculateSimilarity(text, text)).toBe(1);
  });

  it('R2: weighs Levenshtein .3, BLEU .3 and embedding .4', () => {
    const parts = withEmbedding.parts(first, second);
    expect(parts.embedding).toBeCloseTo(0.6, 12);
    expect(withEmbedding.calculateSimilarity(first, second)).toBeCloseTo(
      0.3 * parts.levenshtein + 0.3 * parts.bleu + 0.4 * 0.6,
      12,
    );
  });

  it('R2: weighs .5 and .5 without embeddings, also when they are switched off', () => {
    const without = new SimilarityCalculator();
    const parts = without.parts(first, second);
    expect(parts.embedding).toBeUndefined();
    expect(without.calculateSimilarity(first, second)).toBeCloseTo(0.5 * parts.levenshtein + 0.5 * parts.bleu, 12);
    const off = new SimilarityCalculator({ useEmbeddings: false, embed: () => [1] });
    expect(off.calculateSimilarity(first, second)).toBe(without.calculateSimilarity(first, second));
  });

  it('R2: Levenshtein and embedding are symmetric, and an opposite vector counts as 0', () => {
    const forward = withEmbedding.parts(first, second);
    const backward = withEmbedding.parts(second, first);
    expect(backward.levenshtein).toBe(forward.levenshtein);
    expect(backward.embedding).toBe(forward.embedding);
    expect(withEmbedding.parts(first, 'unknown').embedding).toBe(0);
  });
});
