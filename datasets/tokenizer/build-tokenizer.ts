/** Tokens that are not text, with their ids. */
export const SPECIAL_TOKENS = ['<pad>', '<eos>', '<bos>'] as const;

/** The parts of Hugging Face's tokenizer.json that this tokenizer uses. */
export interface TokenizerJson {
  version: string;
  truncation: null;
  padding: null;
  added_tokens: object[];
  normalizer: null;
  pre_tokenizer: object;
  post_processor: object;
  decoder: object;
  model: { type: 'BPE'; ignore_merges: true; vocab: Record<string, number>; merges: [string, string][] } & Record<
    string,
    unknown
  >;
}

/**
 * A byte-level BPE tokenizer (GPT-2's pre-tokenizer and alphabet) with one token for each given pre-token and one for
 * each byte, so that every text has tokens and decodes back. Words are found whole (`ignore_merges`, as in Llama 3);
 * there are no merges: a reader that ignores the flag falls back to bytes. Ids: special tokens, the 256 bytes in the
 * alphabet's order, then the pre-tokens in the given order. Use with {@link SPECIAL_TOKENS}: pad 0, eos 1, bos 2.
 */
export function buildTokenizer(preTokens: readonly string[]): {
  tokenizerJson: TokenizerJson;
  tokenizerConfig: Record<string, unknown>;
} {
  const alphabet = byteAlphabet();
  const vocab: Record<string, number> = {};
  const add = (token: string) => {
    if (!Object.hasOwn(vocab, token)) vocab[token] = Object.keys(vocab).length;
  };
  for (const token of SPECIAL_TOKENS) add(token);
  for (const character of alphabet) add(character);
  for (const word of preTokens) add(toByteLevel(word, alphabet));
  return {
    tokenizerJson: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: SPECIAL_TOKENS.map((content, id) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: true,
        vocab,
        merges: [],
      },
    },
    tokenizerConfig: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      pad_token: '<pad>',
      eos_token: '<eos>',
      bos_token: '<bos>',
      unk_token: null,
      add_bos_token: false,
      add_eos_token: false,
      add_prefix_space: false,
      clean_up_tokenization_spaces: false,
      model_max_length: 256,
    },
  };
}

/** GPT-2's character for each byte 0…255: printable bytes stand for themselves, the others for U+0100 and up. */
export function byteAlphabet(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

function toByteLevel(text: string, alphabet: readonly string[]): string {
  return [...new TextEncoder().encode(text)].map((byte) => alphabet[byte]!).join('');
}
