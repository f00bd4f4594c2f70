/**
 * Splits a budget among groups in proportion to their sizes, with a floor: each group gets at least
 * `floorShare` of an equal share, so that a rare group is not starved, and never more than it holds. The
 * rest is dealt by Sainte-Laguë's rule (ties by name). The quotas add up to min(budget, all rows).
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
  const claim = (name: Group) => sizes[name] / (2 * quotas[name] + 1);
  while (rest > 0) {
    const open = names.filter((name) => quotas[name] < sizes[name]);
    const next = open.reduce((best, name) => (claim(name) > claim(best) ? name : best));
    quotas[next]++;
    rest--;
  }
  return quotas;
}
