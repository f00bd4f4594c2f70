import { join } from 'node:path';
import { Decoder } from '../../engine/generate/decoder.js';
import { generateTokens } from '../../engine/generate/generate-tokens.js';
import { applyTemperature, keepTopK, keepTopP, penaliseRepetition } from '../../engine/generate/sampling.js';
import { readSafetensors } from '../../engine/formats/safetensors.js';
import { loadModel } from '../../engine/nn/load-model.js';
import { floatsOf, integersOf, tensorOf } from './reference-tensors.js';
import { largestDifference, type CaseRecorder } from './report.js';

/** Tolerance of the fixtures' README for float32 logits. */
const FORWARD = 2e-5;

interface GenerationCase {
  kwargs: {
    max_new_tokens: number;
    do_sample: boolean;
    num_beams: number;
    eos_token_id: number[] | null;
    repetition_penalty?: number;
  };
  new_tokens: number[][];
}

export interface GenerationExpectation {
  prompts: number[][];
  cases: Record<string, GenerationCase>;
}

const upToEnd = (tokens: number[], endIds: number[]): number[] => {
  const end = tokens.findIndex((token) => endIds.includes(token));
  return end < 0 ? tokens : tokens.slice(0, end + 1);
};

/** generate/ARCHITECTURE: greedy continuations, all prompts in one batch and each alone. */
export async function checkGeneration(
  folder: string,
  expected: GenerationExpectation,
  record: CaseRecorder,
): Promise<void> {
  const { config, weights } = await loadModel(folder);
  const decoder = new Decoder(config, weights);
  try {
    for (const [name, { kwargs, new_tokens: wanted }] of Object.entries(expected.cases)) {
      if (kwargs.num_beams !== 1 || kwargs.do_sample) {
        record.unknown(name, 'beam search is not implemented');
        continue;
      }
      const endIds = kwargs.eos_token_id ?? [];
      const run = async (batchSize: number): Promise<number[][]> => {
        const results = await generateTokens(decoder, expected.prompts, {
          maxNewTokens: kwargs.max_new_tokens,
          temperature: 0,
          repetitionPenalty: kwargs.repetition_penalty,
          endIds,
          seed: 1,
          batchSize,
        });
        return results.map((result) => result.tokens);
      };
      const reference = wanted.map((tokens) => upToEnd(tokens, endIds));
      record.equal(name, await run(wanted.length), reference);
      record.equal(`${name}/single`, await run(1), reference);
    }
  } finally {
    await decoder.release();
  }
}

const apply: Record<string, (scores: Float32Array, argument: number, history: number[]) => void> = {
  repetition_penalty: (scores, penalty, history) => penaliseRepetition(scores, history, penalty),
  temperature: (scores, temperature) => applyTemperature(scores, temperature),
  top_k: (scores, k) => keepTopK(scores, k),
  top_p: (scores, p) => keepTopP(scores, p),
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
