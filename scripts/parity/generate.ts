import { join } from 'node:path';
import { Decoder } from '../../engine/generate/decoder.js';
import { generateTokens } from '../../engine/generate/generate-tokens.js';
import {
  applyTemperature,
  banRepeatedNgrams,
  keepMinP,
  keepTopK,
  keepTopP,
  penaliseRepetition,
} from '../../engine/generate/logits-processors.js';
import type { TokenGeneration, TokenGenerationOptions } from '../../engine/generate/token-generation.js';
import { readSafetensors } from '../../engine/formats/safetensors.js';
import { loadModel } from '../../engine/nn/load-model.js';
import { floatsOf, integersOf, tensorOf } from './reference-tensors.js';
import { largestDifference, type CaseRecorder } from './report.js';

/** Tolerance of the fixtures' README for float32 logits. */
const FORWARD = 2e-5;

/**
 * Beam scores are sums of float32 logarithms, divided by length ** length penalty. Below 0 the penalty multiplies the sum's
 * rounding as well: at −1 and 14 tokens transformers' own scores move by 1.1e-4 when the model is in float64.
 */
const SCORE = 2e-5;
const scoreTolerance = ({ max_new_tokens, length_penalty = 1 }: GenerationCase['kwargs']): number =>
  SCORE * Math.max(1, max_new_tokens ** -length_penalty);

interface GenerationCase {
  kwargs: {
    max_new_tokens: number;
    do_sample?: boolean;
    num_beams?: number;
    num_return_sequences?: number;
    length_penalty?: number;
    early_stopping?: boolean | 'never';
    eos_token_id: number | number[] | null;
    repetition_penalty?: number;
    no_repeat_ngram_size?: number;
    min_new_tokens?: number;
  };
  new_tokens: number[][];
  sequences_scores?: number[];
}

/** Arguments that this check hands on, or that change nothing here. */
const KNOWN = new Set(
  (
    'max_new_tokens do_sample num_beams num_return_sequences length_penalty early_stopping eos_token_id ' +
    'repetition_penalty no_repeat_ngram_size min_new_tokens pad_token_id use_cache'
  ).split(' '),
);

export interface GenerationExpectation {
  prompts: number[][];
  cases: Record<string, GenerationCase>;
}

const upToEnd = (tokens: number[], endIds: number[]): number[] => {
  const end = tokens.findIndex((token) => endIds.includes(token));
  return end < 0 ? tokens : tokens.slice(0, end + 1);
};

function optionsOf(kwargs: GenerationCase['kwargs']): Omit<TokenGenerationOptions, 'batchSize'> {
  const { num_beams: count = 1, num_return_sequences: returned = 1 } = kwargs;
  return {
    maxNewTokens: kwargs.max_new_tokens,
    minNewTokens: kwargs.min_new_tokens,
    temperature: 0,
    repetitionPenalty: kwargs.repetition_penalty,
    noRepeatNgramSize: kwargs.no_repeat_ngram_size,
    endIds: [kwargs.eos_token_id ?? []].flat(),
    seed: 1,
    ...(count > 1 && {
      beams: {
        count,
        returned,
        lengthPenalty: kwargs.length_penalty ?? 1,
        earlyStopping: kwargs.early_stopping ?? false,
      },
    }),
  };
}

/** generate/ARCHITECTURE: continuations by greedy and beam search, all prompts in one batch and each alone. */
export async function checkGeneration(
  folder: string,
  expected: GenerationExpectation,
  record: CaseRecorder,
): Promise<void> {
  const { config, weights } = await loadModel(folder);
  const decoder = new Decoder(config, weights);
  try {
    for (const [name, item] of Object.entries(expected.cases)) {
      const { kwargs, new_tokens: wanted, sequences_scores: scores } = item;
      const unknown = Object.keys(kwargs).find((key) => !KNOWN.has(key));
      if (unknown !== undefined || kwargs.do_sample) {
        record.unknown(name, kwargs.do_sample ? 'random draws differ' : `the argument ${unknown} is not implemented`);
        continue;
      }
      const options = optionsOf(kwargs);
      const start = config.kind === 'encoder-decoder' ? [config.startId] : [];
      const reference = wanted.map((tokens) => [
        ...start,
        ...upToEnd(tokens.slice(start.length), options.endIds as number[]),
      ]);
      const run = async (suffix: string, batchSize: number): Promise<void> => {
        const results = await generateTokens(decoder, expected.prompts, { ...options, batchSize });
        const tokens = results.map((result) => [...start, ...result.tokens]);
        record.equal(`${name}${suffix}`, tokens, reference);
        if (scores)
          record.within(
            `${name}${suffix}/scores`,
            largestDifference(scoresOf(results), scores),
            scoreTolerance(kwargs),
          );
      };
      await run('', expected.prompts.length * (kwargs.num_beams ?? 1));
      await run('/single', 1);
    }
  } finally {
    await decoder.release();
  }
}

const scoresOf = (results: readonly TokenGeneration[]): number[] => results.map(({ score }) => score ?? Number.NaN);

const apply: Record<string, (scores: Float32Array, argument: number, history: number[]) => void> = {
  repetition_penalty: (scores, penalty, history) => penaliseRepetition(scores, history, penalty),
  temperature: (scores, temperature) => applyTemperature(scores, temperature),
  top_k: (scores, k) => keepTopK(scores, k),
  top_p: (scores, p) => keepTopP(scores, p),
  min_p: (scores, share) => keepMinP(scores, share),
  no_repeat_ngram: (scores, size, history) => banRepeatedNgrams(scores, history, size),
};

/** generate/logits_processors.safetensors: each filter alone, and `combined`. */
export async function checkLogitsProcessors(file: string, record: CaseRecorder): Promise<void> {
  const { tensors } = await readSafetensors(file);
  const [rows, width] = tensorOf(tensors, 'input_ids').shape as [number, number];
  const ids = integersOf(tensorOf(tensors, 'input_ids'));
  for (const name of [...tensors.keys()].sort()) {
    if (name === 'input_ids' || name.startsWith('logits')) continue;
    const steps =
      name === 'combined'
        ? ['repetition_penalty1.3', 'temperature0.7', 'top_k12', 'top_p0.9']
        : [name.replace(/^ties\./, '')];
    const parsed = steps.map((step) => /^([a-z_]*[a-z])([\d.]+)$/.exec(step));
    if (!parsed.every((match) => match !== null && Object.hasOwn(apply, match[1]!))) {
      record.unknown(name, 'this processor is not implemented');
      continue;
    }
    const scores = Float32Array.from(floatsOf(tensors, name.startsWith('ties.') ? 'logits_ties' : 'logits'));
    const size = scores.length / rows;
    for (let row = 0; row < rows; row++)
      for (const match of parsed)
        apply[match![1]!]!(
          scores.subarray(row * size, (row + 1) * size),
          Number(match![2]),
          ids.slice(row * width, (row + 1) * width),
        );
    record.within(name, largestDifference(scores, floatsOf(tensors, name)), FORWARD);
  }
}

export const processorsFile = (folder: string): string => join(folder, 'logits_processors.safetensors');
