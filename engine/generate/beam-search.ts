import { batchBucket, grownCapacity, type Decoder } from './decoder.js';
import type { Distribution } from './distribution.js';
import { KeyValueCache } from './key-value-cache.js';
import { processScores } from './logits-processors.js';
import {
  finiteDistribution,
  forbiddenAfter,
  type BeamOptions,
  type TokenGeneration,
  type TokenGenerationOptions,
} from './token-generation.js';

/** One continuation. */
interface Beam {
  tokens: number[];
  /** Sum of the processed log probabilities. */
  score: number;
  logProbability: number;
  entropy: number;
  /** Its row of the model's batch: where its latest scores are. */
  place: number;
}

/** What the model says about the token after a beam. */
interface Outlook extends Distribution {
  beam: Beam;
  logits: Float32Array;
}

interface Candidate {
  from: Outlook;
  token: number;
  score: number;
}

/** What ranks a beam behind every real one; smaller than any sum of log probabilities that occurs. */
const HOPELESS = -1e9;

/** The search for one prompt. */
class Search {
  running: Beam[];
  done = false;
  private readonly finished: { beam: Beam; score: number; ended: boolean }[] = [];

  constructor(
    private readonly decoder: Decoder,
    private readonly prompt: readonly number[],
    private readonly index: number,
    private readonly options: TokenGenerationOptions,
    private readonly beams: BeamOptions,
    place: number,
  ) {
    // All beams begin alike: only the first may have continuations, or all would follow the same one.
    this.running = Array.from({ length: beams.count }, (_, i) => ({
      tokens: [],
      score: i === 0 ? 0 : HOPELESS,
      logProbability: 0,
      entropy: 0,
      place,
    }));
  }

  /** Takes one token for each beam. @param rowOf the logits of a place */
  advance(rowOf: (place: number) => Float32Array): void {
    const { count, earlyStopping, lengthPenalty } = this.beams;
    const { endIds, isStop } = this.options;
    const limit = Math.min(this.options.maxNewTokens, this.decoder.room(this.prompt.length));
    const length = this.running[0]!.tokens.length + 1;
    const isFull = () => this.finished.length === count;
    const accepting = !(isFull() && earlyStopping === true);
    const open: Beam[] = [];
    const closed: Beam[] = [];
    this.best(rowOf).forEach((candidate, rank) => {
      const beam = extend(candidate);
      const ended = endIds.includes(candidate.token) || (isStop?.(beam.tokens) ?? false);
      if (!ended && length < limit) return open.push(beam);
      closed.push({ ...beam, score: beam.score + HOPELESS });
      if (rank < count && accepting) this.finished.push({ beam, score: beam.score / length ** lengthPenalty, ended });
    });
    this.finished.sort((a, b) => b.score - a.score).splice(count);
    this.running = [...open, ...closed].slice(0, count);
    const worst = isFull() ? this.finished.at(-1)!.score : HOPELESS;
    const longest = earlyStopping === 'never' && lengthPenalty > 0 ? limit : length;
    const improvable = this.running[0]!.score / longest ** lengthPenalty > worst;
    this.done = open.length === 0 || !improvable || (isFull() && earlyStopping === true);
  }

  results(): TokenGeneration[] {
    return this.finished.slice(0, this.beams.returned).map(({ beam, score, ended }) => ({
      tokens: beam.tokens,
      meanLogProbability: beam.logProbability / beam.tokens.length,
      meanEntropy: beam.entropy / beam.tokens.length,
      finished: ended,
      score,
    }));
  }

  /** The best continuations of all beams by one token, the best first: enough that `count` are left if others end. */
  private best(rowOf: (place: number) => Float32Array): Candidate[] {
    const size = Math.max(2, 1 + this.options.endIds.length) * this.beams.count;
    const found: Candidate[] = [];
    for (const beam of this.running) {
      const logits = rowOf(beam.place);
      const from: Outlook = { beam, logits, ...finiteDistribution(logits, this.index) };
      const scores = this.scoresAfter(from);
      for (let token = 0; token < scores.length; token++) {
        const score = beam.score + scores[token]!;
        if (found.length === size && score <= found[size - 1]!.score) continue;
        let rank = Math.min(found.length, size - 1);
        while (rank > 0 && found[rank - 1]!.score < score) {
          found[rank] = found[rank - 1]!;
          rank--;
        }
        found[rank] = { from, token, score };
      }
    }
    return found;
  }

  /** Processed log probabilities of the token after a beam. */
  private scoresAfter({ beam, logits, logNormalizer }: Outlook): Float32Array {
    const scores = logits.map((logit) => logit - logNormalizer);
    const history = [...this.decoder.beginning(this.prompt), ...beam.tokens];
    processScores(scores, history, this.options, forbiddenAfter(beam.tokens.length, this.options));
    return scores;
  }
}

function extend({ from, token, score }: Candidate): Beam {
  const { beam, logits, logNormalizer, entropy } = from;
  return {
    tokens: [...beam.tokens, token],
    score,
    logProbability: beam.logProbability + logits[token]! - logNormalizer,
    entropy: beam.entropy + entropy,
    place: beam.place,
  };
}

/**
 * Beam search for some of the prompts at once, as in transformers 5: log probabilities go through the processors, then
 * are summed; of 2 · count candidates a step the ended ones among the best `count` are kept apart with their score, and
 * the best `count` others go on.
 *
 * @param batch places of the prompts to search for
 * @returns for each of them its best beams, the best first
 */
export async function searchBeams(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  batch: readonly number[],
  options: TokenGenerationOptions,
  beams: BeamOptions,
): Promise<TokenGeneration[][]> {
  const { vocabularySize } = decoder.config;
  let { cache, logits } = await decoder.readPrompts(
    batch.map((index) => prompts[index]!),
    options.batchSize,
  );
  const searches = batch.map((index, place) => new Search(decoder, prompts[index]!, index, options, beams, place));
  for (;;) {
    const rowOf = (place: number) => logits.subarray(place * vocabularySize, (place + 1) * vocabularySize);
    for (const search of searches) if (!search.done) search.advance(rowOf);
    const going = searches.filter((search) => !search.done).flatMap((search) => search.running);
    if (going.length === 0) return searches.map((search) => search.results());
    options.signal?.throwIfAborted();
    const parents = going.map((beam) => ({ cache, index: beam.place }));
    const full = parents.some(({ index }) => cache.lengths[index]! >= cache.capacity);
    const capacity = full ? grownCapacity(cache.capacity) : cache.capacity;
    cache = KeyValueCache.gather(parents, batchBucket(going.length, options.batchSize), capacity);
    going.forEach((beam, place) => (beam.place = place));
    const ids = new Int32Array(cache.batch);
    going.forEach((beam, place) => (ids[place] = beam.tokens.at(-1)!));
    const counts = Int32Array.from({ length: cache.batch }, (_, place) => (place < going.length ? 1 : 0));
    logits = await decoder.readTokens(cache, ids, counts);
  }
}
