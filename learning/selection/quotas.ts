/**
 * Splits a budget among groups in proportion to their sizes, with a floor: each group gets at least
 * `floorShare` of an equal share, so that a rare group is not starved, and never more than it holds. Largest
 * remainders get the rest (ties by name). The quotas add up to min(budget, all rows).
 */
export function proportionalQuotas<Group extends string>(
  sizes: Readonly<Record<Group, number>>,
  budget: number,
  floorShare = 0.5,
): Record<Group, number> {
  const names = (Object.keys(sizes) as Group[]).filter((name) => sizes[name] > 0).sort();
  const quotas = Object.fromEntries(Object.keys(sizes).map((name) => [name, 0])) as Record<Group, number>;
  const total = names.reduce((sum, name) => sum + sizes[name], 0);
  let rest = Math.min(budget, total);
  const floor = Math.floor((floorShare * rest) / Math.max(1, names.length));
  for (const name of names) {
    quotas[name] = Math.min(sizes[name], floor);
    rest -= quotas[name];
  }
  const ideal = (name: Group) => (sizes[name] / total) * Math.min(budget, total);
  while (rest > 0) {
    const open = names.filter((name) => quotas[name] < sizes[name]);
    const neediest = open.reduce((best, name) =>
      ideal(name) - quotas[name] > ideal(best) - quotas[best] ? name : best,
    );
    quotas[neediest]++;
    rest--;
  }
  return quotas;
}
