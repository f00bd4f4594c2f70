export interface CalibrationBin {
  count: number;
  /** Share of right predictions; null for an empty bin. */
  accuracy: number | null;
  meanConfidence: number | null;
}

export interface Calibration {
  /** Expected calibration error: the bins' gaps between accuracy and confidence, weighted by their counts. */
  expectedError: number;
  /** The largest gap. */
  maximumError: number;
  bins: CalibrationBin[];
}

/** float64's machine epsilon: the least probability whose logarithm is taken. */
const LEAST_PROBABILITY = Number.EPSILON;

/** Place of the largest value; the first of several. */
export function predictedClass(probabilities: readonly number[]): number {
  return probabilities.indexOf(Math.max(...probabilities));
}

const mean = (count: number, of: (sample: number) => number): number => {
  let sum = 0;
  for (let sample = 0; sample < count; sample++) sum += of(sample);
  return sum / count;
};

/**
 * Mean negative log probability of the true class, nats; probabilities are clipped to [ε, 1 − ε] with ε = 2⁻⁵².
 *
 * @param truth class of each sample
 * @param probabilities `[samples][classes]`
 */
export function logLoss(truth: readonly number[], probabilities: readonly (readonly number[])[]): number {
  return mean(truth.length, (sample) => {
    const probability = probabilities[sample]![truth[sample]!]!;
    return -Math.log(Math.min(1 - LEAST_PROBABILITY, Math.max(LEAST_PROBABILITY, probability)));
  });
}

/** Brier score: mean over the samples of the squared error summed over the classes, 0 … 2. */
export function brierScore(truth: readonly number[], probabilities: readonly (readonly number[])[]): number {
  return mean(truth.length, (sample) =>
    probabilities[sample]!.reduce(
      (sum, probability, label) => sum + (probability - (label === truth[sample] ? 1 : 0)) ** 2,
      0,
    ),
  );
}

/** Brier's original score for two classes: mean squared error of the probability of class 1, 0 … 1. */
export function brierScoreBinary(truth: readonly number[], probabilities: readonly (readonly number[])[]): number {
  return mean(truth.length, (sample) => (probabilities[sample]![1]! - truth[sample]!) ** 2);
}

/**
 * Expected calibration error (Guo et al. 2017) over equally wide bins (lower, upper] of the predicted class's
 * probability; a confidence of 0 belongs to the first.
 */
export function calibration(
  truth: readonly number[],
  probabilities: readonly (readonly number[])[],
  bins = 10,
): Calibration {
  const counts = new Float64Array(bins);
  const correct = new Float64Array(bins);
  const confidences = new Float64Array(bins);
  truth.forEach((label, sample) => {
    const row = probabilities[sample]!;
    const predicted = predictedClass(row);
    const confidence = row[predicted]!;
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
    counts[bin]!++;
    correct[bin]! += predicted === label ? 1 : 0;
    confidences[bin]! += confidence;
  });
  let expectedError = 0;
  let maximumError = 0;
  const result = Array.from(counts, (count, bin): CalibrationBin => {
    if (count === 0) return { count, accuracy: null, meanConfidence: null };
    const [accuracy, meanConfidence] = [correct[bin]! / count, confidences[bin]! / count];
    const gap = Math.abs(accuracy - meanConfidence);
    expectedError += (gap * count) / truth.length;
    maximumError = Math.max(maximumError, gap);
    return { count, accuracy, meanConfidence };
  });
  return { expectedError, maximumError, bins: result };
}
