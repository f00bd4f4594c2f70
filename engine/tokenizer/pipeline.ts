import { createTokenFinder, readAddedTokens, textInPipeline, type AddedToken } from './added-tokens.js';
import { readDecoder } from './decoders.js';
import {
  emptyEncoding,
  joinEncodings,
  pad,
  truncate,
  type Encoding,
  type Padding,
  type Truncation,
} from './encoding.js';
import { JsonPart } from './json-part.js';
import { readModel } from './models/read-model.js';
import { readNormalizer } from './normalizers.js';
import { readPostProcessor, type PostProcessor } from './post-processors.js';
import { readPreTokenizer } from './pre-tokenizers.js';

export interface EncodeOptions {
  /** Second text of a pair. */
  pair?: string;
  /** Puts the model's special tokens around the text; default false. */
  addSpecialTokens?: boolean;
  truncation?: Truncation;
  padding?: Padding;
}

/** The pipeline that a tokenizer.json describes. */
export interface TokenizerPipeline {
  encode(text: string, options?: EncodeOptions): Encoding;
  decode(ids: readonly number[], skipSpecialTokens: boolean): string;
  /** Id of a token of the model or an added one. */
  idOf(token: string): number | null;
  /** One more than the largest id. */
  readonly vocabularySize: number;
  /** The tokens that the post-processor puts in front of a text. */
  readonly beginIds: readonly number[];
}

/**
 * Builds normaliser → pre-tokeniser → model → post-processor, and the decoder, of a parsed tokenizer.json, with the
 * results of Rust `tokenizers`, offsets included. Truncation and padding stored in the file are not applied.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming the part that is wrong or not supported
 */
export function buildPipeline(json: unknown, path: string): TokenizerPipeline {
  const file = JsonPart.from(json, path);
  const part = (name: string): [unknown, string] => [file.value[name], `${path}: ${name}`];
  const model = readModel(JsonPart.from(...part('model')));
  const added = readAddedTokens(file);
  const normalizer = readNormalizer(...part('normalizer'));
  const segment = createTokenFinder(added, normalizer);
  const split = readPreTokenizer(...part('pre_tokenizer'));
  const post = readPostProcessor(...part('post_processor'));
  const decodeTokens = readDecoder(...part('decoder'));

  const names = new Map<number, string>();
  let vocabularySize = 0;
  for (const [text, id] of model.vocabulary) names.set(id, text);
  for (const token of added) names.set(token.id, textInPipeline(token, normalizer));
  for (const id of names.keys()) vocabularySize = Math.max(vocabularySize, id + 1);
  const addedByText = new Map<string, AddedToken>(added.map((token) => [token.content, token]));
  // As in the reference by text: a special token that decodes to something else than its content is not skipped.
  const specialTexts = new Set(added.filter((token) => token.special).map((token) => token.content));

  const encodeOne = (text: string, sequence: number): Encoding => {
    const encoding = emptyEncoding();
    const put = (id: number, token: string, offset: [number, number]): void => {
      encoding.ids.push(id);
      encoding.tokens.push(token);
      encoding.typeIds.push(sequence);
      encoding.offsets.push(offset);
      encoding.specialTokensMask.push(0);
      encoding.attentionMask.push(1);
      encoding.sequences.push(sequence);
    };
    for (const { piece, token } of segment(text)) {
      if (token !== null) put(token.id, piece.text, piece.original(0, piece.text.length));
      else {
        for (const word of split?.(piece) ?? [piece]) {
          for (const { id, text: name, start, end } of model.tokenize(word.text)) {
            put(id, name, word.original(start, end));
          }
        }
      }
    }
    return encoding;
  };

  return {
    encode(text, { pair, addSpecialTokens = false, truncation, padding } = {}) {
      let encodings = [encodeOne(text, 0)];
      if (pair !== undefined) encodings.push(encodeOne(pair, 1));
      if (truncation !== undefined) {
        const extra = addSpecialTokens ? (post?.addedTokens(pair !== undefined) ?? 0) : 0;
        encodings = truncate(encodings, truncation, extra);
      }
      const joined = joinEncodings(post?.process(encodings, addSpecialTokens) ?? encodings);
      return padding === undefined ? joined : pad(joined, padding);
    },
    decode(ids, skipSpecialTokens) {
      const tokens: string[] = [];
      for (const id of ids) {
        const name = names.get(id);
        if (name !== undefined && !(skipSpecialTokens && specialTexts.has(name))) tokens.push(name);
      }
      return decodeTokens(tokens);
    },
    idOf: (token) => addedByText.get(token)?.id ?? model.vocabulary.get(token) ?? null,
    vocabularySize,
    beginIds: post === null ? [] : tokensInFront(post),
  };
}

/** Seen around one token of a text: an empty text would not tell front from back. */
function tokensInFront(post: PostProcessor): number[] {
  const text: Encoding = {
    ids: [0],
    tokens: [''],
    typeIds: [0],
    offsets: [[0, 0]],
    specialTokensMask: [0],
    attentionMask: [1],
    sequences: [0],
  };
  const { ids, specialTokensMask } = joinEncodings(post.process([text], true));
  return ids.slice(0, Math.max(0, specialTokensMask.indexOf(0)));
}
