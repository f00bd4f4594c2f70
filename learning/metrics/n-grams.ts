/** Counts the n-grams of a token sequence; keys join the tokens with U+0000, which no tokeniser emits. */
export function countNgrams(tokens: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + order <= tokens.length; start++) {
    let key = tokens[start]!;
    for (let next = start + 1; next < start + order; next++) key += `\u0000${tokens[next]!}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Sum over shared n-grams of the smaller count (clipped matches). */
export function clippedMatches(
  hypothesis: ReadonlyMap<string, number>,
  reference: ReadonlyMap<string, number>,
): number {
  let matches = 0;
  for (const [key, count] of hypothesis) matches += Math.min(count, reference.get(key) ?? 0);
  return matches;
}
