import { stream } from '../../config/random.js';
import { RatchetError } from '../../config/errors.js';
import type { Decoder } from './decoder.js';
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
const CAPACITY_STEP = 32;
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
 * batch size and the other prompts do not change a result. Prompts of similar length are decoded together; finished rows
 * are dropped from the batch as it empties.
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

/** Reads the rows' prompts; places beyond them hold one token each that no one looks at. */
async function readPrompts(
  decoder: Decoder,
  rows: readonly Row[],
): Promise<{ cache: KeyValueCache; logits: Float32Array }> {
  const batch = batchBucket(rows.length);
  const longest = Math.max(...rows.map((row) => row.prompt.length));
  const time = roundUp(longest, PROMPT_STEP);
  const ids = new Int32Array(batch * time);
  rows.forEach(({ prompt }, place) => ids.set(prompt, place * time));
  const lengths = Int32Array.from({ length: batch }, (_, place) => rows[place]?.prompt.length ?? 1);
  const { logits, fresh } = await decoder.readPrompts(ids, lengths);
  const cache = new KeyValueCache(decoder.config, batch, roundUp(longest + 1, CAPACITY_STEP));
  cache.append(fresh, lengths);
  return { cache, logits };
}

async function decodeBatch(decoder: Decoder, rows: Row[], options: TokenGenerationOptions): Promise<void> {
  const { maxPositions, vocabularySize } = decoder.config;
  options.signal?.throwIfAborted();
  let { cache, logits } = await readPrompts(decoder, rows);
  let active = rows;
  for (;;) {
    const going: number[] = [];
    active.forEach((row, place) => {
      if (isDone(row, options, maxPositions)) return;
      takeToken(row, logits.subarray(place * vocabularySize, (place + 1) * vocabularySize), options);
      if (!isDone(row, options, maxPositions)) going.push(place);
    });
    if (going.length === 0) return;
    options.signal?.throwIfAborted();
    const batch = Math.min(cache.batch, batchBucket(going.length));
    const full = going.some((place) => cache.lengths[place]! >= cache.capacity);
    if (batch < cache.batch || full) {
      cache = cache.rearrange(going, batch, full ? cache.capacity + CAPACITY_STEP : cache.capacity);
      active = going.map((place) => active[place]!);
    }
    const ids = new Int32Array(batch);
    const counts = new Int32Array(batch);
    active.forEach((row, place) => {
      if (isDone(row, options, maxPositions)) return;
      ids[place] = row.tokens.at(-1)!;
      counts[place] = 1;
    });
    const output = await decoder.readTokens(cache, ids);
    cache.append(output.fresh, counts);
    logits = output.logits;
  }
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
