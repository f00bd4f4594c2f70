import { RatchetError } from '../../config/errors.js';
import type { GenerateSpec, Generation } from '../api.js';
import { readAdapter } from '../formats/peft.js';
import { loadModel } from '../nn/load-model.js';
import { loraFromPeft } from '../peft/from-peft.js';
import { mergeLora } from '../peft/merge.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { Decoder } from './decoder.js';
import { generateTokens } from './generate-tokens.js';

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
 * @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID`, `E_USAGE` for an option out of range, `E_DATA_INVALID` for a
 *   prompt that does not fit the model's context, `E_NUMERIC`
 */
export async function generateTexts(spec: GenerateSpec, hooks: GenerateHooks = {}): Promise<Generation[]> {
  checkSpec(spec);
  const [{ config, weights }, tokenizer] = await Promise.all([loadModel(spec.modelDir), loadTokenizer(spec.modelDir)]);
  const adapter = spec.adapterDir === null ? null : loraFromPeft(config, await readAdapter(spec.adapterDir));
  const decoder = new Decoder(config, adapter ? mergeLora(weights, adapter) : weights);
  try {
    const endIds = config.endIds.length > 0 ? config.endIds : tokenizer.endId === null ? [] : [tokenizer.endId];
    const generations = await generateTokens(
      decoder,
      spec.prompts.map((prompt) => tokenizer.encode(prompt)),
      {
        maxNewTokens: spec.maxNewTokens,
        temperature: spec.temperature,
        topK: spec.topK,
        topP: spec.topP,
        seed: spec.seed ?? 1,
        batchSize: spec.batchSize ?? DEFAULT_BATCH,
        endIds,
        ...hooks,
      },
    );
    return generations.map((generation) => ({ text: tokenizer.decode(generation.tokens), ...generation }));
  } finally {
    await decoder.release();
  }
}

function checkSpec(spec: GenerateSpec): void {
  const refuse = (field: string, value: unknown, wanted: string): never => {
    throw new RatchetError('E_USAGE', `${field} is ${String(value)}.`, { hint: `It should be ${wanted}.` });
  };
  const count = (value: number) => Number.isSafeInteger(value) && value >= 1;
  if (!count(spec.maxNewTokens)) refuse('maxNewTokens', spec.maxNewTokens, 'an integer ≥ 1');
  if (!(spec.temperature >= 0 && spec.temperature < Infinity)) refuse('temperature', spec.temperature, 'a number ≥ 0');
  if (spec.topK !== undefined && !count(spec.topK)) refuse('topK', spec.topK, 'an integer ≥ 1');
  if (spec.topP !== undefined && !(spec.topP > 0 && spec.topP <= 1)) refuse('topP', spec.topP, 'above 0, at most 1');
  if (spec.batchSize !== undefined && !count(spec.batchSize)) refuse('batchSize', spec.batchSize, 'an integer ≥ 1');
}
