/** A validator's verdict. */
export interface Validation {
  /** 0–100; 100 exactly for a fully correct artifact. */
  score: number;
  /** What is wrong, in words; empty at 100. */
  reasons: string[];
  /** Each part of the score, 0–1. */
  parts: Record<string, number>;
}

/** F1 of two sets: 2·|a ∩ b| / (|a| + |b|); 1 when both are empty. */
export function f1(found: Iterable<string>, wanted: Iterable<string>): number {
  const [a, b] = [new Set(found), new Set(wanted)];
  if (a.size === 0 && b.size === 0) return 1;
  const common = [...a].filter((item) => b.has(item)).length;
  return (2 * common) / (a.size + b.size);
}

/** Reasons for what is missing and what is too much, at most three of each. */
export function differences(kind: string, found: Iterable<string>, wanted: Iterable<string>): string[] {
  const [a, b] = [new Set(found), new Set(wanted)];
  const missing = [...b].filter((item) => !a.has(item)).slice(0, 3);
  const extra = [...a].filter((item) => !b.has(item)).slice(0, 3);
  return [...missing.map((item) => `missing ${kind} ${item}`), ...extra.map((item) => `unexpected ${kind} ${item}`)];
}

/** Σ weight·part / Σ weight on the scale 0–100; parts that the weights do not name do not count. */
export function weightedScore(parts: Record<string, number>, weights: Record<string, number>): number {
  let sum = 0;
  let total = 0;
  for (const [name, weight] of Object.entries(weights)) {
    sum += weight * parts[name]!;
    total += weight;
  }
  return Object.keys(weights).every((name) => parts[name] === 1) ? 100 : (100 * sum) / total;
}

/** Share of good lines, each bad one counting three times. */
export function syntaxShare(bad: number, lines: number): number {
  return Math.max(0, 1 - (3 * bad) / Math.max(1, lines));
}
