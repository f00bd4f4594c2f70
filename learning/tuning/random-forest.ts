import { stream } from '../../config/random.js';

/** A regression tree in arrays; node 0 is the root, and a leaf has feature −1. */
export interface RegressionTree {
  feature: number[];
  threshold: number[];
  left: number[];
  right: number[];
  /** Mean of the samples in each node. */
  value: number[];
  /** Reduction of the sum of squared errors by each split, 0 at a leaf. */
  gain: number[];
}

export interface ForestOptions {
  /** Default 64. */
  trees?: number;
  /** Default 64. */
  depth?: number;
  seed?: number;
}

/**
 * Trees on bootstrap samples, each split at the mid-point with the smallest squared error over all features (Breiman
 * 2001; scikit-learn's `RandomForestRegressor` with its defaults).
 */
export function fitRandomForest(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  { trees = 64, depth = 64, seed = 0 }: ForestOptions = {},
): RegressionTree[] {
  return Array.from({ length: trees }, (_, index) => {
    const draws = stream(seed, 'tuning', 'random-forest', index);
    const sample = rows.map(() => draws.integer(rows.length));
    const features = rows[0]!.map((__, feature) => feature);
    return growTree(rows, targets, sample, depth, () => draws.shuffle(features));
  });
}

/** Share of the error that the splits of each feature remove, averaged over trees and normalised to sum 1. */
export function impurityImportances(forest: readonly RegressionTree[], features: number): number[] {
  const total: number[] = Array.from({ length: features }, () => 0);
  for (const tree of forest) {
    const sum = tree.gain.reduce((whole, gain) => whole + gain, 0);
    if (sum > 0) tree.gain.forEach((gain, node) => gain > 0 && (total[tree.feature[node]!]! += gain / sum));
  }
  const whole = total.reduce((sum, value) => sum + value, 0);
  return total.map((value) => (whole > 0 ? value / whole : 0));
}

function growTree(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  sample: number[],
  depth: number,
  featureOrder: () => number[],
): RegressionTree {
  const tree: RegressionTree = { feature: [], threshold: [], left: [], right: [], value: [], gain: [] };
  const grow = (members: number[], remaining: number): number => {
    const node = tree.feature.length;
    const mean = members.reduce((sum, row) => sum + targets[row]!, 0) / members.length;
    tree.feature.push(-1);
    tree.threshold.push(NaN);
    tree.left.push(-1);
    tree.right.push(-1);
    tree.value.push(mean);
    tree.gain.push(0);
    const split = remaining > 0 ? bestSplit(rows, targets, members, featureOrder()) : null;
    if (split === null) return node;
    tree.feature[node] = split.feature;
    tree.threshold[node] = split.threshold;
    tree.gain[node] = split.gain;
    const goesLeft = (row: number) => rows[row]![split.feature]! <= split.threshold;
    tree.left[node] = grow(members.filter(goesLeft), remaining - 1);
    tree.right[node] = grow(
      members.filter((row) => !goesLeft(row)),
      remaining - 1,
    );
    return node;
  };
  grow(sample, depth);
  return tree;
}

function bestSplit(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  members: readonly number[],
  features: readonly number[],
): { feature: number; threshold: number; gain: number } | null {
  const n = members.length;
  const total = members.reduce((sum, row) => sum + targets[row]!, 0);
  const base = (total * total) / n;
  if (members.every((row) => targets[row] === targets[members[0]!])) return null;
  let best: { feature: number; threshold: number; gain: number } | null = null;
  for (const feature of features) {
    const order = [...members].sort((a, b) => rows[a]![feature]! - rows[b]![feature]!);
    let sum = 0;
    for (let i = 1; i < n; i++) {
      sum += targets[order[i - 1]!]!;
      const [below, above] = [rows[order[i - 1]!]![feature]!, rows[order[i]!]![feature]!];
      if (below === above) continue;
      const gain = (sum * sum) / i + (total - sum) ** 2 / (n - i) - base;
      if (best === null || gain > best.gain) best = { feature, threshold: (below + above) / 2, gain };
    }
  }
  return best;
}
