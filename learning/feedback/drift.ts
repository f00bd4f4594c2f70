/** Added to each count, so that a category which one side lacks gives a finite index. */
const SMOOTHING = 0.5;

/**
 * Population stability index of two samples of a categorical variable: Σ (pᵢ − qᵢ) ln(pᵢ / qᵢ), 0 for equal shares. Below
 * 0.1 counts as stable, above 0.2 as shifted (Siddiqi, "Credit Risk Scorecards", 2006); of k categories chance alone
 * makes about (k − 1)(1/n + 1/m).
 *
 * @param before counts by category
 * @param after counts by category; those that only one side has count as well
 */
export function populationStabilityIndex(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>) {
  const categories = [...new Set([...before.keys(), ...after.keys()])];
  const shares = (counts: ReadonlyMap<string, number>) => {
    const smoothed = categories.map((category) => (counts.get(category) ?? 0) + SMOOTHING);
    const total = smoothed.reduce((sum, count) => sum + count, 0);
    return smoothed.map((count) => count / total);
  };
  const [expected, actual] = [shares(before), shares(after)];
  return categories.reduce((sum, _, index) => {
    const [q, p] = [expected[index]!, actual[index]!];
    return sum + (p - q) * Math.log(p / q);
  }, 0);
}
