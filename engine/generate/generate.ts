import type { GenerateSpec, Generation } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import { readAdapter } from '../formats/peft.js';
import { loadModel } from '../nn/load-model.js';
import { loraFromPeft } from '../peft/from-peft.js';
import { mergeLora } from '../peft/merge.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizer/tokenizer.js';
import { checkGenerateSpec } from './check-spec.js';
import { Decoder } from './decoder.js';
import { generateTokens } from './generate-tokens.js';
import { StopStrings } from './stop-strings.js';
import type { BeamOptions } from './token-generation.js';

export interface GenerateHooks {
  onProgress?(done: number, total: number): void;
  /** Aborting rejects with the signal's reason before the next token. */
  signal?: AbortSignal;
}

/** Prompts decoded together where the caller does not say. */
const DEFAULT_BATCH = 64;

/**
 * Continues each prompt with the model and, where given, the adapter (merged into the weights). The result of a prompt
 * depends on the prompt, its place in the list and the seed, not on the batch size. Same spec, same result.
 *
 * @returns one result a prompt; with `numBeams`, `numReturnSequences` of them, the best first
 * @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID`, `E_USAGE` for an option out of range, `E_DATA_INVALID` for a
 *   prompt that does not fit the model's context, `E_NUMERIC`
 */
export async function generateTexts(spec: GenerateSpec, hooks: GenerateHooks = {}): Promise<Generation[]> {
  checkGenerateSpec(spec);
  const [{ config, weights }, tokenizer] = await Promise.all([loadModel(spec.modelDir), loadTokenizer(spec.modelDir)]);
  const adapter = spec.adapterDir === null ? null : loraFromPeft(config, await readAdapter(spec.adapterDir));
  const decoder = new Decoder(config, adapter ? mergeLora(weights, adapter) : weights);
  const stops = new StopStrings(tokenizer, spec.stopStrings ?? []);
  // An encoder reads whole texts, with the tokens that its tokenizer ends them with.
  const addSpecialTokens = config.kind === 'encoder-decoder';
  try {
    const generations = await generateTokens(
      decoder,
      spec.prompts.map((prompt) => tokenizer.encode(prompt, { addSpecialTokens })),
      {
        ...spec,
        seed: spec.seed ?? 1,
        batchSize: spec.batchSize ?? DEFAULT_BATCH,
        endIds: spec.endIds ?? endIdsOf(config, tokenizer),
        isStop: stops.isEmpty ? undefined : (tokens) => stops.end(tokens),
        beams: beamsOf(spec),
        ...hooks,
      },
    );
    return generations.map((generation) => ({ text: stops.cut(tokenizer.decode(generation.tokens)), ...generation }));
  } finally {
    await decoder.release();
  }
}

function endIdsOf(config: ModelConfig, tokenizer: TextTokenizer): number[] {
  if (config.endIds.length > 0) return config.endIds;
  return tokenizer.endId === null ? [] : [tokenizer.endId];
}

function beamsOf(spec: GenerateSpec): BeamOptions | undefined {
  const { numBeams = 1, numReturnSequences = 1, lengthPenalty = 1, earlyStopping = false } = spec;
  return numBeams === 1 ? undefined : { count: numBeams, returned: numReturnSequences, lengthPenalty, earlyStopping };
}
