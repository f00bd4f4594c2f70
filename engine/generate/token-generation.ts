import { RatchetError } from '../../config/errors.js';
import { distribution, type Distribution } from './distribution.js';
import type { SamplingOptions } from './logits-processors.js';

export interface BeamOptions {
  /** Continuations followed at once, at least 2. */
  count: number;
  /** Continuations returned of each prompt, 1 … count. */
  returned: number;
  /** A finished beam's score is divided by its length to this power: above 0 favours long texts. */
  lengthPenalty: number;
  /**
   * True ends the search when `count` beams are finished; false when the best open beam, ended now, would not be among
   * them; `never` when it could not be even with the length that suits it best.
   */
  earlyStopping: boolean | 'never';
}

export interface TokenGenerationOptions extends SamplingOptions {
  /** At least 1. */
  maxNewTokens: number;
  /** End tokens are forbidden before this many others; 0 when left out. */
  minNewTokens?: number | undefined;
  /** Tokens that end a text; none = generate `maxNewTokens` always. */
  endIds: readonly number[];
  /** Asked after each token with all new ones of a text: true ends it. */
  isStop?: ((tokens: readonly number[]) => boolean) | undefined;
  /** Searches beams instead of following one continuation; needs temperature 0. */
  beams?: BeamOptions | undefined;
  seed: number;
  /** Rows decoded together: prompts, or prompts times beams. */
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
  /** True when an end token was generated, or a stop. */
  finished: boolean;
  /** Of a beam: sum of its tokens' processed log probabilities ÷ length ** length penalty. */
  score?: number;
}

/** The ids that may not follow `length` new tokens. */
export const forbiddenAfter = (length: number, options: TokenGenerationOptions): readonly number[] =>
  length < (options.minNewTokens ?? 0) ? options.endIds : [];

/**
 * The distribution of the next token.
 *
 * @param index the prompt's place, for the message
 * @throws RatchetError `E_NUMERIC` where the scores are not finite
 */
export function finiteDistribution(logits: Float32Array, index: number): Distribution {
  const result = distribution(logits);
  if (!Number.isFinite(result.logNormalizer)) {
    throw new RatchetError('E_NUMERIC', `The model's scores for prompt ${index + 1} are not finite.`, {
      hint: 'The weights are damaged or training diverged: go back to an earlier version of the model.',
    });
  }
  return result;
}
