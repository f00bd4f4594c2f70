import type { ArtifactType } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { connectedGroups } from './groups.js';

export interface Splittable {
  id: string;
  artifactType: ArtifactType;
  input: string;
  parentId?: string;
}

export type Side = 'train' | 'validation';

export interface SplitOptions {
  seed: number;
  /** Share of each artifact type that goes to validation; default 0.2. */
  ratio?: number;
  /** Keys of near-duplicates: rows that share one stay together. Default: the words of the input, without case. */
  keysOf?: (row: Splittable) => readonly string[];
  /** Sides given in earlier rounds, by id: they stay, and rows grouped with them follow. */
  earlier?: ReadonlyMap<string, Side>;
}

/** Case, digits' and letters' order kept, everything else dropped: the default key of a near-duplicate. */
export function normalizedText(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_]+/gu, ' ')
    .trim();
}

/**
 * R4: a stratified split by artifact type. Near-duplicates and augmented rows stay with their originals, so nothing of
 * the validation side is trained on. Of each type round(ratio × rows) go to validation, or the nearest number that
 * whole groups can add up to. A group with an earlier training row trains; a group of several types trains.
 * Depends on the ids and the seed, not on the order of the rows.
 * @returns the side of every row, by id
 */
export function splitTrainValidation(rows: readonly Splittable[], options: SplitOptions): Map<string, Side> {
  const { seed, ratio = 0.2, earlier = new Map<string, Side>() } = options;
  const keysOf = options.keysOf ?? ((row: Splittable) => [normalizedText(row.input)]);
  const sorted = [...rows].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const groups = connectedGroups(sorted, (row) => [
    ...keysOf(row).map((key) => `key:${key}`),
    `id:${row.id}`,
    ...(row.parentId === undefined ? [] : [`id:${row.parentId}`]),
  ]);
  const sides = new Map<string, Side>(rows.map((row) => [row.id, 'train']));
  const assign = (group: readonly Splittable[]) => group.forEach((row) => sides.set(row.id, 'validation'));
  const types = [...new Set(rows.map((row) => row.artifactType))].sort();
  for (const type of types) {
    const count = rows.filter((row) => row.artifactType === type).length;
    let target = Math.round(ratio * count);
    const free: Splittable[][] = [];
    for (const group of groups) {
      if (group.some((row) => row.artifactType !== type)) continue;
      const before = new Set(group.map((row) => earlier.get(row.id)).filter((side) => side !== undefined));
      if (before.size === 0) free.push(group);
      else if (!before.has('train')) {
        assign(group);
        target -= group.length;
      }
    }
    const shuffled = stream(seed, 'tracking', 'split', type).shuffle(free);
    for (const group of chooseGroups(shuffled, Math.max(0, target))) assign(group);
  }
  return sides;
}

/** Groups whose sizes add up as near to the target as any (below rather than above), the first in order preferred. */
function chooseGroups<T>(groups: readonly T[][], target: number): T[][] {
  const total = groups.reduce((sum, group) => sum + group.length, 0);
  const limit = Math.min(total, 2 * target);
  const reachedBy = new Int32Array(limit + 1).fill(-1);
  reachedBy[0] = groups.length;
  groups.forEach((group, index) => {
    for (let sum = limit; sum >= group.length; sum--) {
      if (reachedBy[sum] === -1 && reachedBy[sum - group.length] !== -1) reachedBy[sum] = index;
    }
  });
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
