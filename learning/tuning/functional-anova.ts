import { fitRandomForest, impurityImportances, type ForestOptions, type RegressionTree } from './random-forest.js';
import type { SearchSpace } from './search-space.js';
import type { Study } from './study.js';

/**
 * The share of a random forest's variance over the search space that each parameter explains on its own (Hutter et al.
 * 2014, "An efficient approach for assessing hyperparameter importance"). Parameters are taken as they are, without
 * logarithms, as Optuna does. All 0 with fewer than two complete trials or without variance.
 */
export function functionalAnovaImportances(study: Study, options: ForestOptions = {}): Record<string, number> {
  const names = Object.keys(study.space);
  const forest = forestOf(study, options);
  const shares = names.map(() => [] as number[]);
  for (const tree of forest) {
    const boxes = leafBoxes(tree, study.space);
    const variance = weightedVariance(boxes.map(({ value, volume }) => [value, volume]));
    if (variance > 0) names.forEach((_, d) => shares[d]!.push(marginalVariance(boxes, d) / variance));
  }
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  return Object.fromEntries(names.map((name, d) => [name, mean(shares[d]!)]));
}

/** Mean decrease of impurity in a random forest, as shares of 1 (Breiman 2001). */
export function impurityDecreaseImportances(study: Study, options: ForestOptions = {}): Record<string, number> {
  const names = Object.keys(study.space);
  const shares = impurityImportances(forestOf(study, options), names.length);
  return Object.fromEntries(names.map((name, d) => [name, shares[d]!]));
}

function forestOf(study: Study, options: ForestOptions): RegressionTree[] {
  const complete = study.trials.filter((trial) => trial.state === 'complete');
  if (complete.length < 2) return [];
  const rows = complete.map((trial) => Object.keys(study.space).map((name) => trial.parameters[name]!));
  return fitRandomForest(
    rows,
    complete.map((trial) => trial.value!),
    options,
  );
}

interface LeafBox {
  low: number[];
  high: number[];
  value: number;
  /** Share of the space's volume. */
  volume: number;
}

function leafBoxes(tree: RegressionTree, space: SearchSpace): LeafBox[] {
  const ranges = Object.values(space);
  const boxes: LeafBox[] = [];
  const descend = (node: number, low: number[], high: number[]): void => {
    const feature = tree.feature[node]!;
    if (feature < 0) {
      const volume = ranges.reduce((product, range, d) => {
        return range.high > range.low ? product * ((high[d]! - low[d]!) / (range.high - range.low)) : product;
      }, 1);
      boxes.push({ low, high, value: tree.value[node]!, volume });
      return;
    }
    descend(tree.left[node]!, low, high.with(feature, tree.threshold[node]!));
    descend(tree.right[node]!, low.with(feature, tree.threshold[node]!), high);
  };
  const bounds = (side: 'low' | 'high') => ranges.map((range) => range[side]);
  descend(0, bounds('low'), bounds('high'));
  return boxes;
}

/** Variance over dimension d of the tree's prediction, averaged over all other dimensions. */
function marginalVariance(boxes: readonly LeafBox[], d: number): number {
  const edges = [...new Set(boxes.flatMap((box) => [box.low[d]!, box.high[d]!]))].sort((a, b) => a - b);
  const pieces = edges.slice(1).map((edge, index): [value: number, width: number] => {
    const [low, high] = [edges[index]!, edge];
    // A box that covers the piece contributes its value with its volume per length along d.
    let [sum, weight] = [0, 0];
    for (const box of boxes) {
      if (box.low[d]! > low || box.high[d]! < high) continue;
      const density = box.volume / (box.high[d]! - box.low[d]!);
      sum += box.value * density;
      weight += density;
    }
    return [weight > 0 ? sum / weight : 0, high - low];
  });
  return weightedVariance(pieces);
}

function weightedVariance(pairs: readonly (readonly [value: number, weight: number])[]): number {
  const total = pairs.reduce((sum, [, weight]) => sum + weight, 0);
  if (!(total > 0)) return 0;
  const mean = pairs.reduce((sum, [value, weight]) => sum + value * weight, 0) / total;
  return pairs.reduce((sum, [value, weight]) => sum + (value - mean) ** 2 * weight, 0) / total;
}
