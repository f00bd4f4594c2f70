import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { diskError } from '../formats/disk-error.js';
import { cleanUp } from './decoders.js';
import type { Encoding } from './encoding.js';
import { buildPipeline, type EncodeOptions } from './pipeline.js';

export interface TextTokenizer {
  /** Token ids; special tokens (a leading begin-of-text, …) are added only when asked for. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** Ids, tokens, type ids, offsets and masks of a text or a pair, cut and filled up as asked. */
  encodeFully(text: string, options?: EncodeOptions): Encoding;
  /** Text of the ids; special tokens are skipped unless `skipSpecialTokens` is false. */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** Size of the vocabulary, added tokens included: one more than the largest id. */
  readonly vocabularySize: number;
  /** The tokens that the post-processor puts in front of a text. */
  readonly beginIds: readonly number[];
  readonly beginId: number | null;
  readonly endId: number | null;
  readonly padId: number | null;
  readonly unknownId: number | null;
}

type Json = Record<string, unknown>;

async function readJson(path: string, required: boolean): Promise<Json> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw diskError(error, `reading ${path}`);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('not an object');
    return value as Json;
  } catch (error) {
    throw new RatchetError('E_MODEL_INVALID', `${path}: not valid JSON (${(error as Error).message}).`, {
      hint: 'Copy the tokenizer files of the model again.',
    });
  }
}

/** A special token is written as a string or as `{content}`. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

/**
 * Loads `tokenizer.json` and, where present, `tokenizer_config.json` and `special_tokens_map.json` of a model folder,
 * see {@link buildPipeline}.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID`
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const file = join(folder, 'tokenizer.json');
  const model = await readJson(file, true);
  const config = await readJson(join(folder, 'tokenizer_config.json'), false);
  const special = await readJson(join(folder, 'special_tokens_map.json'), false);
  const pipeline = buildPipeline(model, file);
  // Cleaning up spaces after decoding is opt-in, as in transformers 5.
  const clean = config['clean_up_tokenization_spaces'] === true;
  const idOf = (key: string): number | null => {
    const text = tokenText(config[key]) ?? tokenText(special[key]);
    return text === undefined ? null : pipeline.idOf(text);
  };
  return {
    encode: (text, { addSpecialTokens = false } = {}) => pipeline.encode(text, { addSpecialTokens }).ids,
    encodeFully: (text, options) => pipeline.encode(text, options),
    decode: (ids, { skipSpecialTokens = true } = {}) => {
      const text = pipeline.decode(ids, skipSpecialTokens);
      return clean ? cleanUp(text) : text;
    },
    vocabularySize: pipeline.vocabularySize,
    beginIds: pipeline.beginIds,
    beginId: idOf('bos_token'),
    endId: idOf('eos_token'),
    padId: idOf('pad_token'),
    unknownId: idOf('unk_token'),
  };
}
