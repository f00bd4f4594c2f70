import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import { IGNORED, type MicroBatch } from './loss.js';
import { packRows } from './packing.js';
import { paddedLength } from './padded-length.js';
import { labelsOf, type TokenRow } from './training-rows.js';

export interface BatchPlan {
  seed: number;
  batchSize: number;
  accumulation: number;
  /** False keeps the order of the rows in the first epoch. */
  shuffleFirstEpoch: boolean;
  /** Longest padded row: the model's positions. */
  maxPositions: number;
  /** How rows become a batch; {@link padRight} when left out. */
  pad?: typeof padRight;
  /** Rows of a step share sequences, see {@link packRows}, instead of being padded. */
  packing?: boolean;
  /** Steps are made of rows of similar length, see {@link planEpoch}. */
  lengthGrouping?: boolean;
}

/** Steps among which rows are sorted when they are grouped by length. */
const GROUPED_STEPS = 16;

/** Optimizer steps an epoch takes. */
export const stepsPerEpoch = (rows: number, { batchSize, accumulation }: BatchPlan): number =>
  Math.ceil(rows / (batchSize * accumulation));

/**
 * The micro-batches of each step of one epoch, a function of (seed, epoch) alone. Rows come as often as their weights
 * say. Those of a step are a random sample: grouping whole steps by length would also group them by task, and a small model
 * then swings from one task to the next; `lengthGrouping` does it all the same, in windows of 16 steps whose order is then
 * drawn. Within a step rows are sorted by length, so that its micro-batches are padded little.
 *
 * @param epoch from 0
 */
export function planEpoch(rows: readonly TokenRow[], plan: BatchPlan, epoch: number): MicroBatch[][] {
  const perStep = plan.batchSize * plan.accumulation;
  const inOrder = epoch === 0 && !plan.shuffleFirstEpoch;
  const drawn = drawByWeight(rows, plan.seed, epoch);
  const order = inOrder ? drawn : stream(plan.seed, epoch, 'order').shuffle(drawn);
  const steps = plan.lengthGrouping && !inOrder ? grouped(order, perStep, plan.seed, epoch) : chunks(order, perStep);
  return steps.map((step) => microBatches(inOrder ? step : byLength(step), plan));
}

/**
 * As many rows as there are, each as often as its share of all weights says, but for less than one draw (systematic
 * resampling, Kitagawa 1996); over the epochs a row comes in proportion to its weight.
 */
function drawByWeight(rows: readonly TokenRow[], seed: number, epoch: number): readonly TokenRow[] {
  if (rows.every(({ weight }) => weight === undefined)) return rows;
  const total = rows.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const offset = stream(seed, epoch, 'weights').float();
  let [drawn, passed] = [0, 0];
  return rows.flatMap((row, place) => {
    passed += row.weight ?? 1;
    // The last one's end is where it must be, whatever the sums' rounding.
    const end = place + 1 === rows.length ? rows.length : Math.floor((passed / total) * rows.length + offset);
    const copies = end - drawn;
    drawn = end;
    return Array.from({ length: copies }, () => row);
  });
}

const grouped = (rows: readonly TokenRow[], perStep: number, seed: number, epoch: number): TokenRow[][] =>
  stream(seed, epoch, 'groups').shuffle(
    chunks(rows, perStep * GROUPED_STEPS).flatMap((window) => chunks(byLength(window), perStep)),
  );

/** All rows as micro-batches, sorted by length: the order does not matter for a validation. */
export const planValidation = (rows: readonly TokenRow[], plan: BatchPlan): MicroBatch[] =>
  microBatches(byLength(rows), plan);

const byLength = (rows: readonly TokenRow[]): TokenRow[] => rows.toSorted((a, b) => a.tokens.length - b.tokens.length);

function chunks<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < items.length; start += size) result.push(items.slice(start, start + size));
  return result;
}

function microBatches(rows: readonly TokenRow[], plan: BatchPlan): MicroBatch[] {
  const { batchSize, accumulation, maxPositions, pad = padRight } = plan;
  if (plan.packing)
    return chunks(rows, batchSize * accumulation).flatMap((part) => packRows(part, batchSize, maxPositions));
  return chunks(rows, batchSize).map((part) => pad(part, batchSize, maxPositions));
}

/**
 * Rows padded on the right to one bucketed length; empty rows fill the batch up to `batch`.
 *
 * @throws RatchetError `E_DATA_INVALID` naming a row that is longer than `maxPositions`
 */
export function padRight(rows: readonly TokenRow[], batch: number, maxPositions: number): MicroBatch {
  const longest = Math.max(...rows.map((row) => row.tokens.length));
  const time = Math.min(paddedLength(longest), maxPositions);
  const inputIds = new Int32Array(batch * time);
  const attentionMask = new Int32Array(batch * time);
  const labels = new Int32Array(batch * time).fill(IGNORED);
  for (const [index, row] of rows.entries()) {
    if (row.tokens.length > time)
      throw new RatchetError(
        'E_DATA_INVALID',
        `Row "${row.id}" has ${row.tokens.length} tokens, the model ${maxPositions} positions.`,
        { hint: 'Cut the row, or lower training.maxLength to the positions of the model.' },
      );
    const start = index * time;
    inputIds.set(row.tokens, start);
    attentionMask.fill(1, start, start + row.tokens.length);
    labels.set(labelsOf(row), start);
  }
  return { batch, time, inputIds, attentionMask, labels };
}
