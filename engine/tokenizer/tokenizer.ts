import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { RatchetError } from '../../config/errors.js';
import { diskError } from '../formats/disk-error.js';

export interface TextTokenizer {
  /** Token ids; special tokens (a leading begin-of-text, …) are added only when asked for. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** Text of the ids; special tokens are skipped unless `skipSpecialTokens` is false. */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** Size of the vocabulary, added tokens included: one more than the largest id. */
  readonly vocabularySize: number;
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

/** The library's byte-fallback decoder swallows U+FEFF at the start of each run of bytes; this one keeps it. */
function keepByteOrderMarks(decoder: unknown): void {
  const part = decoder as { text_decoder?: InstanceType<typeof TextDecoder>; decoders?: unknown[] } | null;
  if (part?.text_decoder) part.text_decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  part?.decoders?.forEach(keepByteOrderMarks);
}

/**
 * Loads `tokenizer.json` and, where present, `tokenizer_config.json` and `special_tokens_map.json` of a model folder
 * through @huggingface/tokenizers.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID`
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const file = join(folder, 'tokenizer.json');
  const model = await readJson(file, true);
  const config = await readJson(join(folder, 'tokenizer_config.json'), false);
  const special = await readJson(join(folder, 'special_tokens_map.json'), false);
  let library: LibraryTokenizer;
  try {
    // Cleaning up spaces after decoding is opt-in, as in transformers 5; the library's own default is true.
    library = new LibraryTokenizer(model, { clean_up_tokenization_spaces: false, ...config });
    keepByteOrderMarks(library.decoder);
  } catch (error) {
    throw new RatchetError('E_MODEL_INVALID', `${file}: the tokenizer cannot be built (${(error as Error).message}).`, {
      hint: 'Copy the tokenizer files of the model again.',
      cause: error,
    });
  }
  let vocabularySize = 0;
  for (const id of library.get_vocab(true).values()) vocabularySize = Math.max(vocabularySize, id + 1);
  const idOf = (key: string): number | null => {
    const text = tokenText(config[key]) ?? tokenText(special[key]);
    return text === undefined ? null : (library.token_to_id(text) ?? null);
  };
  return {
    encode: (text, { addSpecialTokens = false } = {}) =>
      library.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode: (ids, { skipSpecialTokens = true } = {}) =>
      ids.length === 0 ? '' : library.decode([...ids], { skip_special_tokens: skipSpecialTokens }),
    vocabularySize,
    beginId: idOf('bos_token'),
    endId: idOf('eos_token'),
    padId: idOf('pad_token'),
    unknownId: idOf('unk_token'),
  };
}
