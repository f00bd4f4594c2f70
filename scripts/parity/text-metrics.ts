import {
  brierScore,
  brierScoreBinary,
  calibration,
  logLoss,
  predictedClass,
} from '../../learning/metrics/calibration.js';
import { bleuSignature, corpusBleu, formatBleu, sentenceBleu } from '../../learning/metrics/bleu.js';
import type { BleuOptions, BleuResult } from '../../learning/metrics/bleu.js';
import { chrf, chrfSignature, corpusChrf, type ChrfOptions } from '../../learning/metrics/chrf.js';
import { classificationReport, type PrecisionRecall } from '../../learning/metrics/classification.js';
import {
  indelDistance,
  indelSimilarity,
  levenshteinDistance,
  levenshteinSimilarity,
  wordDistance,
} from '../../learning/metrics/levenshtein.js';
import { meanNegativeLogLikelihood, perplexity } from '../../learning/metrics/perplexity.js';
import {
  averagePrecision,
  rocAuc,
  rocAucOneVersusOne,
  rocAucOneVersusRest,
  rocCurve,
} from '../../learning/metrics/ranking.js';
import { rougeL, rougeLsum, rougeN, type RougeScore } from '../../learning/metrics/rouge.js';
import { bleuTokens } from '../../learning/metrics/tokenize.js';
import type { CaseRecorder } from './report.js';

/** Tolerance of README-methods.md; integers and texts are compared exactly. */
const TOLERANCE = 1e-9;

type Json = Record<string, unknown>;

interface Pair extends Json {
  hypothesis: string;
  reference: string;
}

interface Classification extends Json {
  name: string;
  labels: number[];
  y_true: number[];
  proba: number[][];
}

/** The first place where two JSON values differ: numbers by more than the tolerance, NaN and infinity written as null. */
function difference(actual: unknown, expected: unknown, path: string): string | undefined {
  if (typeof expected === 'number' || typeof actual === 'number') {
    const same =
      typeof actual === 'number' &&
      (typeof expected === 'number'
        ? Math.abs(actual - expected) <= TOLERANCE * Math.max(1, Math.abs(expected))
        : expected === null && !Number.isFinite(actual));
    return same ? undefined : `${path} is ${String(actual)}, expected ${String(expected)}`;
  }
  if (typeof expected === 'object' && expected !== null && typeof actual === 'object' && actual !== null) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    for (const key of keys) {
      const found = difference((actual as Json)[key], (expected as Json)[key], `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return actual === expected ? undefined : `${path} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`;
}

/**
 * One case a field of `expected`: passed where the calculator of that name gives the same, unknown where there is none.
 */
function compareFields(
  record: CaseRecorder,
  prefix: string,
  expected: Json,
  inputs: readonly string[],
  calculators: Record<string, () => unknown>,
): void {
  for (const [field, value] of Object.entries(expected)) {
    if (inputs.includes(field)) continue;
    const calculate = Object.hasOwn(calculators, field) ? calculators[field] : undefined;
    if (!calculate) record.unknown(`${prefix}/${field}`, 'no such metric');
    else compare(record, `${prefix}/${field}`, calculate, value);
  }
}

function compare(record: CaseRecorder, name: string, calculate: () => unknown, expected: unknown): void {
  const why = difference(calculate(), expected, 'it');
  if (why === undefined) record.passed(name);
  else record.failed(name, why);
}

/** One calculator for each key of the expected values. */
const keyed = (expected: unknown, calculate: (key: string) => unknown): (() => Json) => {
  return () => Object.fromEntries(Object.keys(expected as Json).map((key) => [key, calculate(key)]));
};

const bleuFields = (result: BleuResult): Json => ({
  score: result.score,
  precisions: result.precisions,
  bp: result.brevityPenalty,
  sys_len: result.hypothesisLength,
  ref_len: result.referenceLength,
  counts: result.matches,
  totals: result.totals,
});

const rougeFields = ({ precision, recall, fMeasure }: RougeScore): Json => ({ p: precision, r: recall, f: fMeasure });

/** `chrF2++-ws` and the like: beta, one word order a plus sign, and an option. */
function chrfOptions(name: string): ChrfOptions {
  const match = /^chrF(\d+)(\+*)(?:-(ws|lc|eps))?$/.exec(name);
  if (!match) throw new Error(`the variant ${name} is not known`);
  return {
    beta: Number(match[1]),
    wordOrder: match[2]!.length,
    whitespace: match[3] === 'ws',
    lowercase: match[3] === 'lc',
    epsilonSmoothing: match[3] === 'eps',
  };
}

function rougeScores(name: string, pair: Pair, stem: boolean): RougeScore {
  const { hypothesis, reference } = pair;
  if (name === 'rougeL') return rougeL(hypothesis, reference, { stem });
  if (name === 'rougeLsum') return rougeLsum(hypothesis, reference, { stem });
  return rougeN(hypothesis, reference, Number(/^rouge(\d+)$/.exec(name)![1]), { stem });
}

function checkPair(pair: Pair, name: string, smoothingValues: Json, record: CaseRecorder): void {
  const { hypothesis, reference } = pair;
  const bleu = (key: string) => {
    const [tokenize, smoothing, effective] = key.split('|');
    return bleuFields(
      sentenceBleu(hypothesis, [reference], {
        ...bleuOptions(tokenize!, smoothing!, smoothingValues),
        effectiveOrder: effective === 'eff',
      }),
    );
  };
  const levenshtein: Json = {
    distance: levenshteinDistance(hypothesis, reference),
    normalized_similarity: levenshteinSimilarity(hypothesis, reference),
    normalized_distance: 1 - levenshteinSimilarity(hypothesis, reference),
    word_distance: wordDistance(hypothesis, reference),
    indel_distance: indelDistance(hypothesis, reference),
    ratio: indelSimilarity(hypothesis, reference),
  };
  compareFields(record, name, pair, ['hypothesis', 'reference'], {
    tok13a: keyed(pair['tok13a'], (side) => bleuTokens(pair[side] as string, '13a').join(' ')),
    bleu: keyed(pair['bleu'], bleu),
    chrf: keyed(pair['chrf'], (key) => chrf(hypothesis, reference, chrfOptions(key))),
    rouge: keyed(pair['rouge'], (stem) =>
      keyed((pair['rouge'] as Json)[stem], (key) => rougeFields(rougeScores(key, pair, stem === 'stem')))(),
    ),
    levenshtein: () => levenshtein,
  });
}

function bleuOptions(tokenize: string, smoothing: string, values: Json): BleuOptions {
  const value = values[smoothing];
  return {
    tokenize: tokenize as NonNullable<BleuOptions['tokenize']>,
    smoothing: smoothing as NonNullable<BleuOptions['smoothing']>,
    ...(typeof value === 'number' && { smoothingValue: value }),
  };
}

/** The corpus with `count` references a segment: list k holds the references rotated left by k − 1. */
function corpusOf(pairs: readonly Pair[], count: number): { hypotheses: string[]; references: string[][] } {
  return {
    hypotheses: pairs.map((pair) => pair.hypothesis),
    references: pairs.map((_, segment) =>
      Array.from({ length: count }, (_unused, list) => pairs[(segment + list) % pairs.length]!.reference),
    ),
  };
}

function checkCorpus(fixture: Json, pairs: readonly Pair[], record: CaseRecorder): void {
  for (const [key, expected] of Object.entries((fixture['corpus_bleu'] ?? {}) as Record<string, Json>)) {
    const [tokenize, smoothing, casing, count] = key.split('|') as [string, string, string, string];
    const options = { ...bleuOptions(tokenize, smoothing, fixture['smoothing'] as Json), lowercase: casing === 'lc' };
    const { hypotheses, references } = corpusOf(pairs, Number(count.slice('nref'.length)));
    const result = corpusBleu(hypotheses, references, options);
    compare(
      record,
      `corpus_bleu/${key}`,
      () => ({
        ...bleuFields(result),
        signature: bleuSignature(references[0]!.length, options),
        text: formatBleu(result),
      }),
      expected,
    );
  }
  for (const [key, expected] of Object.entries((fixture['corpus_chrf'] ?? {}) as Record<string, Json>)) {
    const options = chrfOptions(key);
    const score = (count: number) => {
      const { hypotheses, references } = corpusOf(pairs, count);
      return corpusChrf(hypotheses, references, options);
    };
    const calculate = (field: string) =>
      field === 'signature' ? chrfSignature(1, options) : score(Number(/^score_nref(\d+)$/.exec(field)?.[1] ?? 1));
    compare(record, `corpus_chrf/${key}`, keyed(expected, calculate), expected);
  }
}

function checkClassification(expected: Classification, record: CaseRecorder): void {
  const { labels, y_true, proba } = expected;
  const truth = y_true.map((label) => labels.indexOf(label));
  const predicted = proba.map(predictedClass);
  const report = classificationReport(truth, predicted, labels.length);
  const positive = truth.map((label) => label === 1);
  const scores = proba.map((row) => row[1]!);
  const averages = ({ precision, recall, f1 }: PrecisionRecall) => ({ precision, recall, f1 });
  const calibrationFields = (bins: number) => {
    const { expectedError, maximumError, bins: counts } = calibration(truth, proba, bins);
    return {
      ece: expectedError,
      mce: maximumError,
      bins: counts.map(({ count, accuracy, meanConfidence }) => [count, accuracy, meanConfidence]),
    };
  };
  const calibrated = Object.keys(expected).filter((field) => /^ece\d+$/.test(field));
  compareFields(record, `classification/${expected.name}`, expected, ['name', 'labels', 'y_true', 'proba'], {
    y_pred: () => predicted.map((place) => labels[place]),
    accuracy: () => report.accuracy,
    balanced_accuracy: () => report.balancedAccuracy,
    macro: () => averages(report.macro),
    micro: () => averages(report.micro),
    weighted: () => averages(report.weighted),
    per_class: keyed(expected['per_class'], (field) =>
      report.perClass.map((scoresOfClass) => (scoresOfClass as unknown as Json)[field]),
    ),
    confusion_matrix: () => report.confusionMatrix,
    mcc: () => report.matthewsCorrelation,
    cohen_kappa: () => report.cohenKappa,
    log_loss: () => logLoss(truth, proba),
    brier_multiclass_sum: () => brierScore(truth, proba),
    brier_binary: () => brierScoreBinary(truth, proba),
    roc_auc: () => rocAuc(positive, scores),
    average_precision: () => averagePrecision(positive, scores),
    roc_curve: () => {
      const { falsePositiveRates, truePositiveRates } = rocCurve(positive, scores);
      return { fpr: falsePositiveRates, tpr: truePositiveRates };
    },
    roc_auc_ovr_macro: () => rocAucOneVersusRest(truth, proba, 'macro'),
    roc_auc_ovr_weighted: () => rocAucOneVersusRest(truth, proba, 'weighted'),
    roc_auc_ovo_macro: () => rocAucOneVersusOne(truth, proba, 'macro'),
    roc_auc_ovo_weighted: () => rocAucOneVersusOne(truth, proba, 'weighted'),
    ...Object.fromEntries(calibrated.map((field) => [field, () => calibrationFields(Number(field.slice(3)))])),
  });
}

function checkPerplexity(expected: Json, name: string, record: CaseRecorder): void {
  const sequences = expected['token_logprobs'] as number[][];
  const perSequence = sequences.map(perplexity);
  compareFields(record, name, expected, ['token_logprobs'], {
    nll_mean: () => meanNegativeLogLikelihood(sequences.flat()),
    perplexity: () => perplexity(sequences.flat()),
    per_sequence: () => perSequence,
    mean_of_sequence_perplexities: () => perSequence.reduce((sum, value) => sum + value, 0) / perSequence.length,
  });
}

/** text-metrics.json: every field of every pair, corpus, classification and perplexity. */
export function checkTextMetrics(fixture: Json, record: CaseRecorder): void {
  const pairs = (fixture['pairs'] ?? []) as Pair[];
  pairs.forEach((pair, index) => checkPair(pair, `pairs/${index}`, (fixture['smoothing'] ?? {}) as Json, record));
  checkCorpus(fixture, pairs, record);
  for (const item of (fixture['classification'] ?? []) as Classification[]) checkClassification(item, record);
  ((fixture['perplexity'] ?? []) as Json[]).forEach((item, index) =>
    checkPerplexity(item, `perplexity/${index}`, record),
  );
}
