import type { ArtifactType } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { chooseGroups } from './choose-groups.js';
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

/**
 * Letters and digits in their order, without case and the ways Unicode has of writing them (NFKC); everything else
 * dropped, unless there is nothing else: the default key of a near-duplicate.
 */
export function normalizedText(text: string): string {
  const words = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_]+/gu, ' ')
    .trim();
  return words === '' ? text.trim() : words;
}

/**
 * R4: a stratified split by artifact type. Near-duplicates and augmented rows stay with their originals, so nothing of
 * the validation side is trained on. Of each type round(ratio × rows) go to validation, or the nearest number that
 * whole groups can add up to. A group with an earlier training row trains; a group of several types trains unless it
 * validated earlier.
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
  const targets = new Map(types.map((type) => [type, 0]));
  for (const { artifactType } of rows) targets.set(artifactType, targets.get(artifactType)! + 1);
  for (const [type, count] of targets) targets.set(type, Math.round(ratio * count));
  const free = new Map(types.map((type): [ArtifactType, Splittable[][]] => [type, []]));
  for (const group of groups) {
    const before = new Set(group.map((row) => earlier.get(row.id)).filter((side) => side !== undefined));
    const type = group[0]!.artifactType;
    if (before.size === 0 && group.every((row) => row.artifactType === type)) free.get(type)!.push(group);
    if (before.size === 0 || before.has('train')) continue;
    assign(group);
    for (const { artifactType } of group) targets.set(artifactType, targets.get(artifactType)! - 1);
  }
  for (const type of types) {
    const shuffled = stream(seed, 'tracking', 'split', type).shuffle(free.get(type)!);
    for (const group of chooseGroups(shuffled, Math.max(0, targets.get(type)!))) assign(group);
  }
  return sides;
}
