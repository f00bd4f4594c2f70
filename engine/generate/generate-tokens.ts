import { stream } from '../../config/random.js';
import { RatchetError } from '../../config/errors.js';
import { searchBeams } from './beam-search.js';
import { batchBucket, grownCapacity, type Decoder } from './decoder.js';
import { KeyValueCache } from './key-value-cache.js';
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

/** A row that goes on, and where its keys are: those of all its tokens but the last. */
interface Seat {
  row: Row;
  cache: KeyValueCache;
  index: number;
}

/**
 * A batch of which less than one in so many rows is left waits until the tails of all batches can go on together: a step
 * for a few rows takes nearly as long as one for many.
 */
const PARKED_SHARE = 8;

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
  const report = (done: number) => options.onProgress?.(done, order.length);
  if (options.beams) {
    for (let start = 0; start < order.length; start += size) {
      options.signal?.throwIfAborted();
      const batch = order.slice(start, start + size);
      const found = await searchBeams(decoder, prompts, batch, options, options.beams);
      batch.forEach((index, place) => (results[index] = found[place]!));
      report(start + batch.length);
    }
    return results.flat();
  }
  const rows = order.map((index) => newRow(decoder, prompts[index]!, index, options));
  // Tails of encoder-decoders cannot be joined: their sources are padded to different lengths.
  const parkBelow = decoder.config.kind === 'decoder' && rows.length > size ? Math.floor(size / PARKED_SHARE) : 0;
  let parked: Seat[] = [];
  for (let start = 0; start < rows.length; start += size) {
    options.signal?.throwIfAborted();
    const end = Math.min(rows.length, start + size);
    const seats = await beginRows(decoder, rows.slice(start, end), options);
    parked.push(...(await continueRows(decoder, seats, options, parkBelow)));
    const last = end === rows.length;
    if (last || parked.length + parkBelow > size)
      parked = await continueRows(decoder, parked, options, last ? 0 : parkBelow);
    report(end - parked.length);
  }
  for (const { index, tokens, logProbability, entropy, finished } of rows)
    results[index] = [
      { tokens, meanLogProbability: logProbability / tokens.length, meanEntropy: entropy / tokens.length, finished },
    ];
  return results.flat();
}

function newRow(decoder: Decoder, prompt: readonly number[], index: number, options: TokenGenerationOptions): Row {
  const draws = stream(options.seed, 'generate', index);
  const limit = Math.min(options.maxNewTokens, decoder.room(prompt.length));
  const uniform = () => draws.float();
  return { index, prompt, limit, tokens: [], logProbability: 0, entropy: 0, finished: false, uniform };
}

/** Reads the rows' prompts and takes a first token of each. @returns the rows that go on */
async function beginRows(decoder: Decoder, rows: Row[], options: TokenGenerationOptions): Promise<Seat[]> {
  const { cache, logits } = await decoder.readPrompts(
    rows.map(({ prompt }) => prompt),
    options.batchSize,
  );
  const seats = rows.map((row, index): Seat => ({ row, cache, index }));
  return takeTokens(decoder, seats, logits, options);
}

/** Takes token after token until at most `parkBelow` rows are left. @returns those rows */
async function continueRows(
  decoder: Decoder,
  rows: Seat[],
  options: TokenGenerationOptions,
  parkBelow: number,
): Promise<Seat[]> {
  let seats = rows;
  while (seats.length > parkBelow) {
    options.signal?.throwIfAborted();
    seats = inOneCache(seats, options.batchSize);
    const { cache } = seats[0]!;
    const ids = new Int32Array(cache.batch);
    const counts = new Int32Array(cache.batch);
    for (const { row, index } of seats) {
      ids[index] = row.tokens.at(-1)!;
      counts[index] = 1;
    }
    seats = takeTokens(decoder, seats, await decoder.readTokens(cache, ids, counts), options);
  }
  return seats;
}

/** The rows in one cache with room for a token more, in the smallest batch shape that holds them. */
function inOneCache(seats: Seat[], batchSize: number): Seat[] {
  const { cache } = seats[0]!;
  const longest = Math.max(...seats.map(({ cache: own, index }) => own.lengths[index]!));
  const batch = batchBucket(seats.length, batchSize);
  const together = seats.every((seat) => seat.cache === cache);
  if (together && batch >= cache.batch && longest < cache.capacity) return seats;
  const widest = Math.max(...seats.map((seat) => seat.cache.capacity));
  const joined = KeyValueCache.gather(seats, batch, longest < widest ? widest : grownCapacity(widest));
  return seats.map(({ row }, index) => ({ row, cache: joined, index }));
}

/** Takes the next token of each row. @returns the rows that go on */
function takeTokens(decoder: Decoder, seats: Seat[], logits: Float32Array, options: TokenGenerationOptions): Seat[] {
  const size = decoder.config.vocabularySize;
  for (const { row, index } of seats)
    takeToken(decoder, row, logits.subarray(index * size, (index + 1) * size), options);
  return seats.filter(({ row }) => !isDone(row));
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
