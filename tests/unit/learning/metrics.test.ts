import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { corpusBleu, formatBleu, sentenceBleu } from '../../../learning/metrics/bleu.js';
import { corpusChrf } from '../../../learning/metrics/chrf.js';
import { classificationReport } from '../../../learning/metrics/classification.js';
import { averagePrecision } from '../../../learning/metrics/ranking.js';
import { porterStem } from '../../../learning/metrics/porter-stemmer.js';
import { SimilarityCalculator } from '../../../learning/metrics/similarity-calculator.js';
import { splitWords } from '../../../learning/metrics/tokenize.js';
import { CaseRecorder, type ParityReport } from '../../../scripts/parity/report.js';
import { checkTextMetrics } from '../../../scripts/parity/text-metrics.js';

const golden = JSON.parse(
  readFileSync(new URL('../../parity/fixtures/text-metrics.json', import.meta.url), 'utf8'),
) as Record<string, unknown>;

describe('text metrics against sacreBLEU, rouge-score, rapidfuzz, scikit-learn', () => {
  const report: ParityReport = { passed: 0, failed: 0, unknown: 0, failures: [], cases: [] };
  checkTextMetrics(golden, new CaseRecorder(report, 'text-metrics'));
  const names = [
    ...new Set(report.cases.map(({ case: name }) => name.split('/').slice(1).join('/').replace(/\/\d+/, ''))),
  ];

  it.each(names)('E1: %s', (name) => {
    const own = report.cases.filter((item) => item.case.replace(/\/\d+/, '') === `text-metrics/${name}`);
    expect(own.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
  });

  it('E1: says where a value differs, and which field no metric computes', () => {
    const wrong: ParityReport = { passed: 0, failed: 0, unknown: 0, failures: [], cases: [] };
    checkTextMetrics(
      { perplexity: [{ token_logprobs: [[-1, -3]], perplexity: 7, nll_mean: 2, entropy: 1 }] },
      new CaseRecorder(wrong, 'x'),
    );
    expect(wrong).toMatchObject({ passed: 1, failed: 1, unknown: 1 });
    expect(wrong.failures).toEqual([{ case: 'x/perplexity/0/perplexity', why: 'it is 7.38905609893065, expected 7' }]);
  });

  it('E1: takes null for an infinite value as for one that is not a number', () => {
    const infinite: ParityReport = { passed: 0, failed: 0, unknown: 0, failures: [], cases: [] };
    const recorder = new CaseRecorder(infinite, 'x');
    checkTextMetrics({ perplexity: [{ token_logprobs: [[-2000]], perplexity: null }] }, recorder);
    expect(infinite).toMatchObject({ passed: 1, failed: 0 });
  });
});

describe('BLEU and chrF', () => {
  it('R2: a sentence shorter than four words is judged by the orders it has', () => {
    expect(sentenceBleu('two words', ['two words']).score).toBeCloseTo(100, 9);
    expect(corpusBleu(['two words'], [['two words']]).score).toBeLessThan(1);
  });

  it('rounds a printed tie to the even digit, as Python does', () => {
    const text = formatBleu({
      score: 6.25,
      precisions: [6.25, 18.75, 50.05, 0],
      brevityPenalty: 0.0625,
      hypothesisLength: 1,
      referenceLength: 8,
      matches: [],
      totals: [],
    });
    expect(text).toBe('BLEU = 6.25 6.2/18.8/50.0/0.0 (BP = 0.062 ratio = 0.125 hyp_len = 1 ref_len = 8)');
  });

  it('chrF of a corpus takes the better reference of each segment', () => {
    expect(
      corpusChrf(
        ['abc', 'xyz'],
        [
          ['abc', 'q'],
          ['q', 'xyz'],
        ],
      ),
    ).toBe(100);
    expect(corpusChrf([], [])).toBe(0);
  });

  it('E1: of two references that score the same, chrF takes the one that sacreBLEU takes', () => {
    const near = ['.o4 A 0 :aA00A! A 1t0A .A', '015 =t.'];
    const score = corpusChrf(['i0goi  ΥΊ. 한a/A.tnag', 'abcdef'], [near, ['abcxef']], { whitespace: true });
    expect(score).toBeCloseTo(10.76017145024393, 10);
  });

  it('splits words where Python does: at U+0085 and U+001C, not at U+FEFF', () => {
    expect(splitWords('a\u0085b\u001cc\ufeffd ')).toEqual(['a', 'b', 'c\ufeffd']);
  });
});

describe('porterStem', () => {
  it.each([
    ['caresses', 'caress'],
    ['flies', 'fli'],
    ['dies', 'die'],
    ['spied', 'spi'],
    ['agreed', 'agre'],
    ['feed', 'feed'],
    ['hopping', 'hop'],
    ['falling', 'fall'],
    ['filing', 'file'],
    ['enjoying', 'enjoy'],
    ['happy', 'happi'],
    ['relational', 'relat'],
    ['generalizations', 'gener'],
    ['geologist', 'geologist'],
    ['theology', 'theolog'],
    ['hopefully', 'hope'],
    ['controlling', 'control'],
    ['adoption', 'adopt'],
    ['skies', 'sky'],
    ['dying', 'die'],
    ['is', 'is'],
  ])('stems %s to %s, as NLTK', (word, stem) => expect(porterStem(word)).toBe(stem));
});

describe('classification', () => {
  it('E1: is what is counted by hand', () => {
    const report = classificationReport([0, 0, 0, 1], [0, 0, 1, 1], 2);
    expect(report.accuracy).toBe(0.75);
    expect(report.perClass.map(({ precision, recall }) => [precision, recall])).toEqual([
      [1, 2 / 3],
      [0.5, 1],
    ]);
    expect(report.macro.f1).toBeCloseTo((0.8 + 2 / 3) / 2, 12);
    expect(report.weighted.f1).toBeCloseTo(0.75 * 0.8 + 0.25 * (2 / 3), 12);
    expect(classificationReport([0, 0], [0, 0], 1).cohenKappa).toBeNaN();
  });
});

describe('ranking', () => {
  it('without a positive, the average precision is 0, as scikit-learn has it', () => {
    expect(averagePrecision([false, false], [0.2, 0.7])).toBe(0);
    expect(averagePrecision([false, true], [0.2, 0.7])).toBe(1);
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
