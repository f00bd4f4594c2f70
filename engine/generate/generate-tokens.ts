import { stream } from '../../config/random.js';
import { RatchetError } from '../../config/errors.js';
import { Decoder } from './decoder.js';
import { KeyValueCache } from './key-value-cache.js';
import { chooseToken, distribution, type SamplingOptions } from './sampling.js';

export interface TokenGenerationOptions extends SamplingOptions {
  /** At least 1. */
  maxNewTokens: number;
  /** Tokens that end a text; none = generate `maxNewTokens` always. */
  endIds: readonly number[];
  seed: number;
  /** Prompts decoded together. */
  batchSize: number;
  onProgress?(done: number, total: number): void;
  signal?: AbortSignal | undefined;
}

export interface TokenGeneration {
  /** Generated ids, the end token included. */
  tokens: number[];
  /** Mean over the generated tokens of their log probability under the unfiltered softmax at temperature 1. */
  meanLogProbability: number;
  /** Mean entropy of that softmax, nats. */
  meanEntropy: number;
  /** True when an end token was generated. */
  finished: boolean;
}

/** Shapes come in these steps, so that few graphs are compiled. */
const PROMPT_STEP = 16;
const CAPACITY_STEP = 64;
const SMALLEST_BATCH = 4;

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/** The batch shape for this many rows: a power of two from {@link SMALLEST_BATCH} on. */
const batchBucket = (rows: number): number => Math.max(SMALLEST_BATCH, 2 ** Math.ceil(Math.log2(rows)));

interface Row {
  /** Place among the prompts; also the key of the random stream. */
  index: number;
  prompt: readonly number[];
  tokens: number[];
  logProbability: number;
  entropy: number;
  finished: boolean;
  uniform: () => number;
}

/**
 * Continues each prompt: greedily, or by sampling from the stream (seed, 'generate', index of the prompt), so that the
 * batch size and the other prompts do not change a result. Prompts of similar length are decoded together, padded on
 * the left; finished rows are dropped from the batch as it empties.
 *
 * @param prompts token ids, at least one each
 * @throws RatchetError `E_DATA_INVALID` for a prompt that is empty or leaves no room in the model's context,
 *   `E_NUMERIC` when the model yields values that are not finite
 */
export async function generateTokens(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  options: TokenGenerationOptions,
): Promise<TokenGeneration[]> {
  const { maxPositions } = decoder.config;
  const rows = prompts.map((prompt, index): Row => {
    if (prompt.length === 0 || prompt.length >= maxPositions) {
      throw new RatchetError('E_DATA_INVALID', `Prompt ${index + 1} has ${prompt.length} tokens.`, {
        hint: `The model continues prompts of 1 to ${maxPositions - 1} tokens.`,
      });
    }
    const draws = stream(options.seed, 'generate', index);
    return { index, prompt, tokens: [], logProbability: 0, entropy: 0, finished: false, uniform: () => draws.float() };
  });
  const order = [...rows].sort((a, b) => a.prompt.length - b.prompt.length || a.index - b.index);
  for (let start = 0; start < order.length; start += options.batchSize) {
    await decodeBatch(decoder, order.slice(start, start + options.batchSize), options);
    options.onProgress?.(Math.min(order.length, start + options.batchSize), order.length);
  }
  return rows.map(({ tokens, logProbability, entropy, finished }) => ({
    tokens,
    meanLogProbability: logProbability / tokens.length,
    meanEntropy: entropy / tokens.length,
    finished,
  }));
}

/** Prompts of one batch, padded on the left to `time`; unused rows stay fully masked. */
function layOutPrompts(rows: readonly Row[], batch: number, time: number, capacity: number) {
  const ids = new Int32Array(batch * time);
  const positions = new Int32Array(batch * time);
  const mask = new Int32Array(batch * capacity);
  rows.forEach(({ prompt }, row) => {
    const padding = time - prompt.length;
    prompt.forEach((id, i) => {
      ids[row * time + padding + i] = id;
      positions[row * time + padding + i] = i;
    });
    mask.fill(1, row * capacity + padding, row * capacity + time);
  });
  return { ids, positions, mask };
}

async function decodeBatch(decoder: Decoder, rows: Row[], options: TokenGenerationOptions): Promise<void> {
  const { maxPositions, vocabularySize } = decoder.config;
  const longest = Math.max(...rows.map((row) => row.prompt.length));
  const time = roundUp(longest, PROMPT_STEP);
  let cache = new KeyValueCache(decoder.config, batchBucket(rows.length), roundUp(time + 1, CAPACITY_STEP));
  const layout = layOutPrompts(rows, cache.batch, time, cache.capacity);
  let mask: Int32Array = layout.mask;
  let active = rows;
  options.signal?.throwIfAborted();
  let logits = await decoder.step(cache, layout.ids, layout.positions, mask, 0);
  for (let slot = time; ; slot++) {
    const going: number[] = [];
    active.forEach((row, place) => {
      if (isDone(row, options, maxPositions)) return;
      takeToken(row, logits.subarray(place * vocabularySize, (place + 1) * vocabularySize), options);
      if (!isDone(row, options, maxPositions)) going.push(place);
    });
    if (going.length === 0) return;
    options.signal?.throwIfAborted();
    const batch = Math.min(cache.batch, batchBucket(going.length));
    const capacity = slot < cache.capacity ? cache.capacity : cache.capacity + CAPACITY_STEP;
    if (batch < cache.batch || capacity > cache.capacity) {
      const kept = batch < cache.batch ? going : active.map((_, place) => place);
      mask = rearrangeMask(mask, cache.capacity, kept, batch, capacity);
      cache = cache.rearrange(kept, batch, capacity);
      active = kept.map((place) => active[place]!);
    }
    const ids = new Int32Array(batch);
    const positions = new Int32Array(batch);
    active.forEach((row, place) => {
      ids[place] = row.tokens.at(-1)!;
      positions[place] = Math.min(maxPositions - 1, row.prompt.length + row.tokens.length - 1);
      mask[place * capacity + slot] = 1;
    });
    logits = await decoder.step(cache, ids, positions, mask, slot);
  }
}

function rearrangeMask(mask: Int32Array, width: number, rows: number[], batch: number, capacity: number): Int32Array {
  const result = new Int32Array(batch * capacity);
  rows.forEach((row, index) => result.set(mask.subarray(row * width, (row + 1) * width), index * capacity));
  return result;
}

const isDone = (row: Row, options: TokenGenerationOptions, maxPositions: number): boolean =>
  row.finished || row.tokens.length >= options.maxNewTokens || row.prompt.length + row.tokens.length >= maxPositions;

function takeToken(row: Row, logits: Float32Array, options: TokenGenerationOptions): void {
  const { logNormalizer, entropy } = distribution(logits);
  if (!Number.isFinite(logNormalizer)) {
    throw new RatchetError('E_NUMERIC', `The model's scores for prompt ${row.index + 1} are not finite.`, {
      hint: 'The weights are damaged or training diverged: go back to an earlier version of the model.',
    });
  }
  const history = options.repetitionPenalty === undefined ? [] : [...row.prompt, ...row.tokens];
  const token = chooseToken(logits, history, options, row.uniform);
  row.tokens.push(token);
  row.logProbability += logits[token]! - logNormalizer;
  row.entropy += entropy;
  row.finished = options.endIds.includes(token);
}
