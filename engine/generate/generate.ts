import type { GenerateSpec, Generation } from '../api.js';
import type { CompiledModelOptions } from './compiled-model.js';
import { checkGenerateSpec } from './check-spec.js';
import { Decoder } from './decoder.js';
import { loadEndIds } from './end-ids.js';
import { generateTokens } from './generate-tokens.js';
import { loadAdaptedModel } from './load-adapted-model.js';
import { encodePrompt } from '../tokenizer/encode-prompt.js';
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
export async function generateTexts(
  spec: GenerateSpec,
  hooks: GenerateHooks = {},
  runtime: CompiledModelOptions = {},
): Promise<Generation[]> {
  checkGenerateSpec(spec);
  const { config, weights, tokenizer } = await loadAdaptedModel(spec.modelDir, spec.adapterDir);
  const decoder = new Decoder(config, weights, runtime);
  const stops = new StopStrings(tokenizer, spec.stopStrings ?? []);
  // An encoder reads whole texts, with the tokens that its tokenizer ends them with.
  const isWhole = config.kind === 'encoder-decoder';
  const encode = (prompt: string, place: number) => {
    if (isWhole) return tokenizer.encode(prompt, { addSpecialTokens: true });
    const fromTemplate = Array.isArray(spec.fromTemplate) ? spec.fromTemplate[place] : spec.fromTemplate;
    const { ids, added } = encodePrompt(tokenizer, prompt, { fromTemplate });
    if (!spec.truncatePrompts || ids.length <= decoder.maxPromptLength) return ids;
    const kept = Math.max(1, decoder.room(spec.maxNewTokens) - added);
    return [...ids.slice(0, added), ...ids.slice(-kept)];
  };
  try {
    const generations = await generateTokens(decoder, spec.prompts.map(encode), {
      ...spec,
      seed: spec.seed ?? 1,
      batchSize: spec.batchSize ?? DEFAULT_BATCH,
      endIds: spec.endIds ?? (await loadEndIds(spec.modelDir, config, tokenizer)),
      isStop: stops.isEmpty ? undefined : (tokens) => stops.end(tokens),
      beams: beamsOf(spec),
      ...hooks,
    });
    return generations.map((generation) => ({ text: stops.cut(tokenizer.decode(generation.tokens)), ...generation }));
  } finally {
    await decoder.release();
  }
}

function beamsOf(spec: GenerateSpec): BeamOptions | undefined {
  const { numBeams = 1, numReturnSequences = 1, lengthPenalty = 1, earlyStopping = false } = spec;
  return numBeams === 1 ? undefined : { count: numBeams, returned: numReturnSequences, lengthPenalty, earlyStopping };
}
