import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import type { TrainSegment } from '../api.js';
import { checkpointHash, loadNewestCheckpoint } from './checkpoint.js';
import { restoreOptimizer, saveRun, type RunState } from './run-state.js';
import type { LoadedRows } from './row-source.js';
import type { TrainStep } from './step.js';

/** Folder in a segment's output that holds its optimizer, as a checkpoint. */
const STATE = 'state';

/** Every `shards`-th row, so that each worker sees the order of the file: easy to hard stays easy to hard. */
export function ownRows<Rows extends LoadedRows>(loaded: Rows, segment: TrainSegment | undefined): Rows {
  if (segment === undefined) return loaded;
  const rows = loaded.rows.filter((_, place) => place % segment.shards === segment.shard);
  if (rows.length === 0)
    throw new RatchetError('E_DATA_INVALID', `Worker ${segment.shard} of ${segment.shards} has no row to train on.`, {
      hint: 'Use fewer workers (training.dataParallel.workers) than there are rows.',
    });
  return { ...loaded, rows };
}

/** Workers draw their own orders and dropout masks; the adapter they start from is drawn from the training's seed. */
export const segmentSeed = (seed: number, segment: TrainSegment | undefined): number =>
  segment === undefined || segment.shards === 1
    ? seed
    : stream(seed, 'shard', segment.shards, segment.shard).integer(2 ** 31);

/** Where a segment starts: the optimizer goes on as the segment before left it, the weights are those the spec names. */
export async function startSegment(
  segment: TrainSegment | undefined,
  trainer: TrainStep,
  fresh: RunState,
): Promise<RunState> {
  if (segment?.previousDir === undefined) return { ...fresh, step: segment?.from ?? 0 };
  const loaded = await loadNewestCheckpoint(join(segment.previousDir, STATE));
  const state = loaded?.state as RunState | undefined;
  if (!loaded || state?.step !== segment.from)
    throw new RatchetError('E_DATA_INVALID', `${segment.previousDir} holds no optimizer after step ${segment.from}.`, {
      hint: 'Train the segment before again.',
    });
  restoreOptimizer(trainer, loaded.tensors, state.updates);
  return { ...state, specHash: fresh.specHash };
}

/** Keeps the optimizer and the place in the data in a segment's output folder. */
export const saveSegment = (folder: string, state: RunState, trainer: TrainStep): Promise<unknown> =>
  saveRun(join(folder, STATE), state, trainer, null);

/** Identity of what {@link startSegment} reads; null where it reads nothing. */
export const segmentStateHash = ({ previousDir, from }: TrainSegment): Promise<string> | null =>
  previousDir === undefined ? null : checkpointHash(join(previousDir, STATE), from);
