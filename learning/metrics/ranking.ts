/** The receiver operating characteristic, one point a distinct score, from (0, 0) to (1, 1). */
export interface RocCurve {
  falsePositiveRates: number[];
  truePositiveRates: number[];
}

/** Counts of negatives and positives at or above each distinct score, the highest score first. */
function cumulativeCounts(positive: readonly boolean[], scores: readonly number[]) {
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
  const negatives = [0];
  const positives = [0];
  order.forEach((sample, rank) => {
    const last = negatives.length - 1;
    const tied = rank > 0 && scores[sample] === scores[order[rank - 1]!];
    const counts = [negatives[last]! + (positive[sample] ? 0 : 1), positives[last]! + (positive[sample] ? 1 : 0)];
    if (tied) [negatives[last], positives[last]] = counts as [number, number];
    else {
      negatives.push(counts[0]!);
      positives.push(counts[1]!);
    }
  });
  return { negatives, positives };
}

/**
 * The ROC curve of scores that should be high for positives.
 *
 * @param positive at least one true and one false, or a rate is NaN
 */
export function rocCurve(positive: readonly boolean[], scores: readonly number[]): RocCurve {
  const { negatives, positives } = cumulativeCounts(positive, scores);
  return {
    falsePositiveRates: negatives.map((count) => count / negatives.at(-1)!),
    truePositiveRates: positives.map((count) => count / positives.at(-1)!),
  };
}

/** Area under the ROC curve, 0 … 1: the chance that a positive scores above a negative, ties counting half. */
export function rocAuc(positive: readonly boolean[], scores: readonly number[]): number {
  const { falsePositiveRates: x, truePositiveRates: y } = rocCurve(positive, scores);
  let area = 0;
  for (let point = 1; point < x.length; point++)
    area += ((x[point]! - x[point - 1]!) * (y[point]! + y[point - 1]!)) / 2;
  return area;
}

/**
 * Average precision: precision at each distinct score, weighted by the recall gained there (no interpolation); 0 without
 * a positive.
 */
export function averagePrecision(positive: readonly boolean[], scores: readonly number[]): number {
  if (!positive.includes(true)) return 0;
  const { negatives, positives } = cumulativeCounts(positive, scores);
  let result = 0;
  for (let point = 1; point < positives.length; point++) {
    const precision = positives[point]! / (positives[point]! + negatives[point]!);
    result += ((positives[point]! - positives[point - 1]!) / positives.at(-1)!) * precision;
  }
  return result;
}

export type Averaging = 'macro' | 'weighted';

function average(values: readonly number[], weights: readonly number[], averaging: Averaging): number {
  const used = averaging === 'macro' ? values.map(() => 1) : weights;
  const total = used.reduce((sum, weight) => sum + weight, 0);
  return values.reduce((sum, value, index) => sum + value * used[index]!, 0) / total;
}

/**
 * ROC AUC of more than two classes, each against the rest.
 *
 * @param truth class of each sample; every class must occur
 * @param probabilities `[samples][classes]`
 */
export function rocAucOneVersusRest(
  truth: readonly number[],
  probabilities: readonly (readonly number[])[],
  averaging: Averaging,
): number {
  const labels = [...probabilities[0]!.keys()];
  const areas = labels.map((label) =>
    rocAuc(
      truth.map((actual) => actual === label),
      probabilities.map((row) => row[label]!),
    ),
  );
  return average(
    areas,
    labels.map((label) => truth.filter((actual) => actual === label).length),
    averaging,
  );
}

/** ROC AUC of more than two classes over all pairs of classes (Hand and Till 2001), both directions averaged. */
export function rocAucOneVersusOne(
  truth: readonly number[],
  probabilities: readonly (readonly number[])[],
  averaging: Averaging,
): number {
  const classes = probabilities[0]!.length;
  const areas: number[] = [];
  const sizes: number[] = [];
  for (let first = 0; first < classes; first++) {
    for (let second = first + 1; second < classes; second++) {
      const samples = [...truth.keys()].filter((sample) => truth[sample] === first || truth[sample] === second);
      const area = (label: number) =>
        rocAuc(
          samples.map((sample) => truth[sample] === label),
          samples.map((sample) => probabilities[sample]![label]!),
        );
      areas.push((area(first) + area(second)) / 2);
      sizes.push(samples.length);
    }
  }
  return average(areas, sizes, averaging);
}
