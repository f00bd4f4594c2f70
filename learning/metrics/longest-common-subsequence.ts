/** Lengths of the longest common subsequences of all prefixes: cell (i, j) at `i · (second.length + 1) + j`. */
export function commonSubsequenceTable(first: readonly string[], second: readonly string[]): Uint32Array {
  const width = second.length + 1;
  const table = new Uint32Array((first.length + 1) * width);
  for (let row = 1; row <= first.length; row++) {
    for (let column = 1; column <= second.length; column++) {
      const place = row * width + column;
      table[place] =
        first[row - 1] === second[column - 1]
          ? table[place - width - 1]! + 1
          : Math.max(table[place - width]!, table[place - 1]!);
    }
  }
  return table;
}

/** Length of the longest common subsequence, in memory proportional to the second sequence. */
export function commonSubsequenceLength(first: readonly string[], second: readonly string[]): number {
  let previous = new Uint32Array(second.length + 1);
  for (const item of first) {
    const current = new Uint32Array(second.length + 1);
    for (let column = 1; column <= second.length; column++) {
      current[column] =
        item === second[column - 1] ? previous[column - 1]! + 1 : Math.max(previous[column]!, current[column - 1]!);
    }
    previous = current;
  }
  return previous[second.length]!;
}
