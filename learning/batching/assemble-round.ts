import type { ArtifactType, BatchRow, ExampleRow } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import type { BatchSize } from './adaptive-batch-manager.js';

export interface AssembleOptions {
  /** Prefix of the batch ids, such as `loop/main/round-3`. */
  idPrefix: string;
  seed: number;
  /** Failures with a label, hardest first; those not among the examples are mixed in. */
  hardNegatives?: readonly ExampleRow[];
  /** Share of a batch that mixed-in failures may make up; default 0.25. */
  hardNegativeShare?: number;
}

export interface AssembledRound {
  /** Every example of the types that train, each in exactly one batch. */
  batches: BatchRow[];
  /** Examples of the types that wait, and hard negatives for which there was no room. */
  waiting: ExampleRow[];
}

const DEFAULT_HARD_NEGATIVE_SHARE = 0.25;

/**
 * Cuts the examples of a round into batches of at most their type's size, differing by one row at most. The first batch
 * of each type is this round's; a caller with less time trains on fewer. Hard negatives are spread over the batches of
 * their type and add to their size. No row is lost: each example or hard negative is in one batch or waiting.
 */
export function assembleRound(
  examples: readonly ExampleRow[],
  sizes: readonly BatchSize[],
  options: AssembleOptions,
): AssembledRound {
  const sizeOf = new Map<ArtifactType, BatchSize>(sizes.map((size) => [size.artifactType, size]));
  const present = new Set(examples.map((row) => row.id));
  const extra = (options.hardNegatives ?? []).filter((row) => !present.has(row.id));
  const types = [...new Set([...examples, ...extra].map((row) => row.artifactType))].sort();
  const round: AssembledRound = { batches: [], waiting: [] };
  // One by one: as arguments of a single push, very many rows overflow the stack.
  const wait = (rows: readonly ExampleRow[]) => rows.forEach((row) => round.waiting.push(row));
  for (const type of types) {
    const rows = examples.filter((row) => row.artifactType === type).sort((a, b) => (a.id < b.id ? -1 : 1));
    const negatives = extra.filter((row) => row.artifactType === type);
    const size = sizeOf.get(type);
    if (size === undefined || size.wait || size.size === 0 || rows.length === 0) {
      wait(rows);
      wait(negatives);
      continue;
    }
    const share = options.hardNegativeShare ?? DEFAULT_HARD_NEGATIVE_SHARE;
    const room = Math.floor((rows.length * share) / (1 - share));
    const mixed = negatives.slice(0, room);
    wait(negatives.slice(room));
    const count = Math.ceil(rows.length / size.size);
    const dealt: string[][] = Array.from({ length: count }, () => []);
    const random = stream(options.seed, 'batching', type);
    const order = [...random.shuffle(rows), ...random.shuffle(mixed)];
    order.forEach((row, place) => dealt[place % count]!.push(row.id));
    dealt.forEach((exampleIds, index) => {
      const id = `${options.idPrefix}/${type}-${index + 1}`;
      const { available, averageQuality, factors } = size;
      round.batches.push({
        id,
        artifactType: type,
        size: exampleIds.length,
        available,
        averageQuality,
        factors,
        exampleIds,
      });
    });
  }
  return round;
}
