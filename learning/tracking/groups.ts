/** Partitions rows so that rows sharing any key, directly or through others, are in one group (union-find). */
export function connectedGroups<T>(rows: readonly T[], keysOf: (row: T) => readonly string[]): T[][] {
  const parent = rows.map((_, index) => index);
  const rootOf = (index: number): number => {
    let root = index;
    while (parent[root] !== root) root = parent[root]!;
    while (parent[index] !== root) [parent[index], index] = [root, parent[index]!];
    return root;
  };
  const firstWithKey = new Map<string, number>();
  rows.forEach((row, index) => {
    for (const key of keysOf(row)) {
      const first = firstWithKey.get(key);
      if (first === undefined) firstWithKey.set(key, index);
      else parent[rootOf(index)] = rootOf(first);
    }
  });
  const groups = new Map<number, T[]>();
  rows.forEach((row, index) => {
    const root = rootOf(index);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [row]);
    else group.push(row);
  });
  return [...groups.values()];
}
