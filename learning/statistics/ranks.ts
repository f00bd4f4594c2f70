/** Ranks from 1, equal values share the mean of theirs, and the sizes of the groups of equal values (1 included). */
export interface Ranks {
  ranks: number[];
  groupSizes: number[];
}

/** Mid-ranks of the values (scipy.stats.rankdata, method 'average'); with a NaN among them no value has a rank: all NaN. */
export function midRanks(values: readonly number[]): Ranks {
  if (values.some(Number.isNaN)) return { ranks: values.map(() => NaN), groupSizes: values.map(() => 1) };
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  const ranks: number[] = [];
  const groupSizes: number[] = [];
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let place = start; place < end; place++) ranks[order[place]!] = (start + 1 + end) / 2;
    groupSizes.push(end - start);
    start = end;
  }
  return { ranks, groupSizes };
}

/** Σ (t³ − t) over the groups of equal values: 0 without ties. */
export function tieTerm(groupSizes: readonly number[]): number {
  return groupSizes.reduce((sum, size) => sum + size ** 3 - size, 0);
}
