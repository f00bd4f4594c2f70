/**
 * Groups whose sizes add up as near to the target as any (below rather than above), the first in order preferred.
 * Of each group looks only at the sums that are not reached yet, and ends at the target: linear in the number of groups
 * where sizes are small, not their number times the target.
 */
export function chooseGroups<T>(groups: readonly T[][], target: number): T[][] {
  const total = groups.reduce((sum, group) => sum + group.length, 0);
  const limit = Math.min(total, 2 * target);
  const goal = Math.min(total, target);
  /** Place of the first group with which groups up to it add up to a sum. */
  const reachedBy = new Int32Array(limit + 1).fill(-1);
  reachedBy[0] = groups.length;
  /** Multiples of the sizes' common divisor up to `looked` that no groups so far add up to. */
  let missing: number[] = [];
  let [looked, highest, divisor] = [0, 0, 0];
  for (let index = 0; index < groups.length && reachedBy[goal] === -1; index++) {
    const size = groups[index]!.length;
    highest = Math.min(highest + size, limit);
    const common = greatestCommonDivisor(divisor, size);
    if (common !== divisor) [missing, looked, divisor] = [[], 0, common];
    for (; looked + divisor <= highest; looked += divisor) {
      if (reachedBy[looked + divisor] === -1) missing.push(looked + divisor);
    }
    missing = missing.filter((sum) => {
      const rest = sum < size ? -1 : reachedBy[sum - size]!;
      // A sum that needs this group twice is not reached.
      if (rest === -1 || rest === index) return true;
      reachedBy[sum] = index;
      return false;
    });
  }
  let best = 0;
  for (let sum = 0; sum <= limit; sum++) {
    if (reachedBy[sum] !== -1 && Math.abs(sum - target) < Math.abs(best - target)) best = sum;
  }
  const chosen: T[][] = [];
  for (let sum = best; sum > 0;) {
    const group = groups[reachedBy[sum]!]!;
    chosen.push(group);
    sum -= group.length;
  }
  return chosen;
}

function greatestCommonDivisor(first: number, second: number): number {
  return second === 0 ? first : greatestCommonDivisor(second, first % second);
}
