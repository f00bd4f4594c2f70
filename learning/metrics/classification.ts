export interface PrecisionRecall {
  precision: number;
  recall: number;
  f1: number;
}

export interface ClassificationReport {
  accuracy: number;
  /** Mean recall of the classes that occur. */
  balancedAccuracy: number;
  /** Mean over the classes, absent ones included. */
  macro: PrecisionRecall;
  /** Over all predictions together. */
  micro: PrecisionRecall;
  /** Mean over the classes, weighted by how often each occurs. */
  weighted: PrecisionRecall;
  perClass: (PrecisionRecall & { support: number })[];
  /** `[true class][predicted class]`, counts. */
  confusionMatrix: number[][];
  /** Gorodkin 2004, −1 … 1; 0 where it is not defined. */
  matthewsCorrelation: number;
  /** Cohen 1960, −1 … 1; NaN where chance alone agrees always. */
  cohenKappa: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

function precisionRecall(correct: number, predicted: number, actual: number): PrecisionRecall {
  return {
    precision: ratio(correct, predicted),
    recall: ratio(correct, actual),
    f1: ratio(2 * correct, predicted + actual),
  };
}

/** Counts by true class (rows) and predicted class (columns), both 0 … classes − 1. */
export function confusionMatrix(truth: readonly number[], predicted: readonly number[], classes: number): number[][] {
  const matrix = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  truth.forEach((label, index) => matrix[label]![predicted[index]!]!++);
  return matrix;
}

/**
 * Accuracy, precision, recall, F1 and agreement of predicted classes, as scikit-learn computes them with
 * `zero_division=0`.
 *
 * @param truth class of each sample, 0 … classes − 1; at least one
 * @param predicted as many
 */
export function classificationReport(
  truth: readonly number[],
  predicted: readonly number[],
  classes: number,
): ClassificationReport {
  const matrix = confusionMatrix(truth, predicted, classes);
  const actualTotals = matrix.map(sum);
  const predictedTotals = matrix.map((_, column) => sum(matrix.map((row) => row[column]!)));
  const total = sum(actualTotals);
  const correct = sum(matrix.map((row, label) => row[label]!));
  const perClass = matrix.map((row, label) => ({
    ...precisionRecall(row[label]!, predictedTotals[label]!, actualTotals[label]!),
    support: actualTotals[label]!,
  }));
  const mean = (weightOf: (support: number) => number): PrecisionRecall => {
    const weights = perClass.map(({ support }) => weightOf(support));
    const of = (field: keyof PrecisionRecall) =>
      ratio(sum(perClass.map((scores, label) => scores[field] * weights[label]!)), sum(weights));
    return { precision: of('precision'), recall: of('recall'), f1: of('f1') };
  };
  const seen = perClass.filter(({ support }) => support > 0);
  const byChance = sum(actualTotals.map((count, label) => count * predictedTotals[label]!));
  const spread = (totals: readonly number[]) => total ** 2 - sum(totals.map((count) => count ** 2));
  return {
    accuracy: ratio(correct, total),
    balancedAccuracy: ratio(sum(seen.map(({ recall }) => recall)), seen.length),
    macro: mean(() => 1),
    micro: precisionRecall(correct, total, total),
    weighted: mean((support) => support),
    perClass,
    confusionMatrix: matrix,
    matthewsCorrelation: ratio(
      correct * total - byChance,
      Math.sqrt(spread(actualTotals)) * Math.sqrt(spread(predictedTotals)),
    ),
    cohenKappa: (correct * total - byChance) / (total ** 2 - byChance),
  };
}
