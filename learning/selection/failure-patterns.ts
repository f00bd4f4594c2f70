import { tokenSet } from './token-sets.js';

/** A property of requests that failures have more often than successes. */
export interface FailurePattern {
  kind: 'word' | 'phrase' | 'length';
  /** The word, the pair of words, or `longer than N words`. */
  feature: string;
  /** Share of failures and of successes with the property, 0–1. */
  failureRate: number;
  successRate: number;
  /** Failures with the property. */
  support: number;
  /** Two-proportion z statistic; larger means surer. */
  z: number;
}

const MINIMUM_SUPPORT = 3;
/** Two-sided p ≈ 0.01 for one feature; a screen, not a test: the list is read by people and mixes by share. */
const MINIMUM_Z = 2.58;

/**
 * Compares the requests of failures and successes feature by feature with a two-proportion z test (pooled variance).
 * Features: words, word pairs (reported only when surer than each of their words), and the length above the median
 * of all requests. The surest first, ties by feature.
 */
export function findFailurePatterns(failures: readonly string[], successes: readonly string[]): FailurePattern[] {
  if (failures.length < MINIMUM_SUPPORT || successes.length === 0) return [];
  const lengths = [...failures, ...successes].map(wordCount).sort((a, b) => a - b);
  const middle = lengths[Math.floor(lengths.length / 2)]!;
  const length = `longer than ${middle} words`;
  const featuresOf = (text: string) => {
    const features = tokenSet(text);
    if (wordCount(text) > middle) features.add(length);
    return features;
  };
  const inFailures = countFeatures(failures.map(featuresOf));
  const inSuccesses = countFeatures(successes.map(featuresOf));
  const found = new Map<string, FailurePattern>();
  for (const [feature, support] of inFailures) {
    const others = inSuccesses.get(feature) ?? 0;
    const z = proportionZ(support, failures.length, others, successes.length);
    if (support < MINIMUM_SUPPORT || z < MINIMUM_Z) continue;
    const kind = feature === length ? 'length' : feature.includes(' ') ? 'phrase' : 'word';
    const failureRate = support / failures.length;
    found.set(feature, { kind, feature, failureRate, successRate: others / successes.length, support, z });
  }
  return [...found.values()]
    .filter((pattern) => pattern.kind !== 'phrase' || surerThanItsWords(pattern, found))
    .sort((a, b) => b.z - a.z || (a.feature < b.feature ? -1 : 1));
}

function surerThanItsWords(pattern: FailurePattern, found: ReadonlyMap<string, FailurePattern>): boolean {
  return pattern.feature.split(' ').every((word) => (found.get(word)?.z ?? 0) < pattern.z);
}

function wordCount(text: string): number {
  return text.split(/\s+/).filter((word) => word !== '').length;
}

function countFeatures(sets: readonly ReadonlySet<string>[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const set of sets) for (const feature of set) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  return counts;
}

function proportionZ(hits: number, total: number, otherHits: number, otherTotal: number): number {
  const pooled = (hits + otherHits) / (total + otherTotal);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / total + 1 / otherTotal));
  return deviation === 0 ? 0 : (hits / total - otherHits / otherTotal) / deviation;
}
