import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskError } from '../formats/disk-error.js';
import { invalidModel } from '../formats/safetensors-header.js';
import type { ModelConfig } from '../nn/config.js';
import type { TextTokenizer } from '../tokenizer/tokenizer.js';

/**
 * The tokens that end a text: those that config.json or, as for chats with Phi-3, generation_config.json alone names, and
 * the tokenizer's, which a training puts behind its rows.
 *
 * @throws RatchetError `E_MODEL_INVALID` for a generation_config.json whose `eos_token_id` is no token id or list of them
 */
export async function loadEndIds(modelDir: string, config: ModelConfig, tokenizer: TextTokenizer): Promise<number[]> {
  const named = [...config.endIds, ...(await readEndIds(join(modelDir, 'generation_config.json')))];
  if (tokenizer.endId !== null) named.push(tokenizer.endId);
  // A token that the model does not have ends nothing.
  return [...new Set(named)].filter((id) => id >= 0 && id < config.vocabularySize);
}

async function readEndIds(file: string): Promise<number[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw diskError(error, `reading ${file}`);
  });
  if (text === null) return [];
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalidModel(file, `not valid JSON (${(error as Error).message}).`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalidModel(file, 'not a JSON object.');
  const named = (json as Record<string, unknown>)['eos_token_id'] ?? [];
  const ids: unknown[] = Array.isArray(named) ? named : [named];
  if (!ids.every((id): id is number => Number.isSafeInteger(id)))
    throw invalidModel(file, 'field eos_token_id is not a token id.');
  return ids;
}
