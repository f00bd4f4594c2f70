import { stream } from '../../config/random.js';
import { RatchetError } from '../../config/errors.js';
import { searchBeams } from './beam-search.js';
import { batchBucket, grownCapacity, type Decoder } from './decoder.js';
import { processes } from './logits-processors.js';
import { chooseToken } from './sampling.js';
import {
  finiteDistribution,
  forbiddenAfter,
  type TokenGeneration,
  type TokenGenerationOptions,
} from './token-generation.js';

interface Row {
  /** Place among the prompts; also the key of the random stream. */
  index: number;
  prompt: readonly number[];
  /** Most tokens to generate. */
  limit: number;
  tokens: number[];
  logProbability: number;
  entropy: number;
  finished: boolean;
  uniform: () => number;
}

/**
 * Continues each prompt: greedily, by beam search, or by sampling from the stream (seed, 'generate', index of the
 * prompt), so that the batch size and the other prompts do not change a result. Prompts of similar length are decoded
 * together; finished rows are dropped from the batch as it empties.
 *
 * @param prompts token ids, at least one each
 * @returns one result a prompt, or with beams `beams.returned` of them, the best first
 * @throws RatchetError `E_DATA_INVALID` for a prompt that is empty or leaves no room in the model's context,
 *   `E_NUMERIC` when the model yields values that are not finite
 */
export async function generateTokens(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  options: TokenGenerationOptions,
): Promise<TokenGeneration[]> {
  const { maxPromptLength } = decoder;
  prompts.forEach(({ length }, index) => {
    if (length > 0 && length <= maxPromptLength) return;
    throw new RatchetError('E_DATA_INVALID', `Prompt ${index + 1} has ${length} tokens.`, {
      hint: `The model continues prompts of ${maxPromptLength === Infinity ? 'at least 1 token' : `1 to ${maxPromptLength} tokens`}.`,
    });
  });
  const order = [...prompts.keys()].sort((a, b) => prompts[a]!.length - prompts[b]!.length || a - b);
  const results: TokenGeneration[][] = prompts.map(() => []);
  const size = Math.max(1, Math.floor(options.batchSize / (options.beams?.count ?? 1)));
  for (let start = 0; start < order.length; start += size) {
    options.signal?.throwIfAborted();
    const batch = order.slice(start, start + size);
    const found = options.beams
      ? await searchBeams(decoder, prompts, batch, options, options.beams)
      : await decodeBatch(decoder, prompts, batch, options);
    batch.forEach((index, place) => (results[index] = found[place]!));
    options.onProgress?.(Math.min(order.length, start + size), order.length);
  }
  return results.flat();
}

async function decodeBatch(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  batchOfPrompts: readonly number[],
  options: TokenGenerationOptions,
): Promise<TokenGeneration[][]> {
  const { vocabularySize } = decoder.config;
  const rows = batchOfPrompts.map((index): Row => {
    const draws = stream(options.seed, 'generate', index);
    const prompt = prompts[index]!;
    const limit = Math.min(options.maxNewTokens, decoder.room(prompt.length));
    const uniform = () => draws.float();
    return { index, prompt, limit, tokens: [], logProbability: 0, entropy: 0, finished: false, uniform };
  });
  let { cache, logits } = await decoder.readPrompts(rows.map(({ prompt }) => prompt));
  let active = rows;
  for (;;) {
    const going: number[] = [];
    active.forEach((row, place) => {
      if (isDone(row)) return;
      takeToken(decoder, row, logits.subarray(place * vocabularySize, (place + 1) * vocabularySize), options);
      if (!isDone(row)) going.push(place);
    });
    if (going.length === 0) break;
    options.signal?.throwIfAborted();
    const batch = Math.min(cache.batch, batchBucket(going.length));
    const full = going.some((place) => cache.lengths[place]! >= cache.capacity);
    if (batch < cache.batch || full) {
      cache = cache.rearrange(going, batch, full ? grownCapacity(cache.capacity) : cache.capacity);
      active = going.map((place) => active[place]!);
    }
    const ids = new Int32Array(batch);
    const counts = new Int32Array(batch);
    active.forEach((row, place) => {
      if (isDone(row)) return;
      ids[place] = row.tokens.at(-1)!;
      counts[place] = 1;
    });
    logits = await decoder.readTokens(cache, ids, counts);
  }
  return rows.map(({ tokens, logProbability, entropy, finished }) => [
    { tokens, meanLogProbability: logProbability / tokens.length, meanEntropy: entropy / tokens.length, finished },
  ]);
}

const isDone = (row: Row): boolean => row.finished || row.tokens.length >= row.limit;

function takeToken(decoder: Decoder, row: Row, logits: Float32Array, options: TokenGenerationOptions): void {
  const { logNormalizer, entropy } = finiteDistribution(logits, row.index);
  const history = processes(options) ? [...decoder.beginning(row.prompt), ...row.tokens] : [];
  const token = chooseToken(logits, history, options, row.uniform, forbiddenAfter(row.tokens.length, options));
  row.tokens.push(token);
  row.logProbability += logits[token]! - logNormalizer;
  row.entropy += entropy;
  row.finished = options.endIds.includes(token) || (options.isStop?.(row.tokens) ?? false);
}
