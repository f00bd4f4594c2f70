import { bytesOfToken } from './byte-level.js';
import { JsonPart } from './json-part.js';
import { readPattern } from './split-text.js';

/** Turns tokens into the pieces of text that, joined, are the decoded text. */
type Decoder = (tokens: string[]) => string[];

/** The decoder of a tokenizer.json part; without one tokens are joined by spaces. Semantics of Rust `tokenizers` 0.23. */
export function readDecoder(value: unknown, path: string): (tokens: string[]) => string {
  if (value === null || value === undefined) return (tokens) => tokens.join(' ');
  const decode = fromPart(JsonPart.from(value, path));
  return (tokens) => decode(tokens).join('');
}

function fromPart(part: JsonPart): Decoder {
  switch (part.type) {
    case 'Sequence': {
      const steps = part.parts('decoders').map(fromPart);
      return (tokens) => steps.reduce((current, step) => step(current), tokens);
    }
    case 'ByteLevel':
      return (tokens) => [
        decodeUtf8(tokens.flatMap((token) => bytesOfToken(token) ?? [...Buffer.from(token, 'utf8')])),
      ];
    case 'ByteFallback':
      return byteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Metaspace': {
      const replacement = part.text('replacement', '▁');
      const scheme = part.text('prepend_scheme', part.flag('add_prefix_space', true) ? 'always' : 'never');
      return (tokens) =>
        // Replacements in the first token stand for no spaces of the text.
        tokens.map((token, index) => token.replaceAll(replacement, index === 0 && scheme !== 'never' ? '' : ' '));
    }
    case 'Replace': {
      const find = readPattern(part);
      const content = part.text('content');
      return (tokens) => tokens.map((token) => replaceAll(token, find(token), content));
    }
    case 'Strip': {
      const [content, start, stop] = [part.character('content'), part.integer('start'), part.integer('stop')];
      return (tokens) => tokens.map((token) => strip(token, content, start, stop));
    }
    case 'WordPiece': {
      const [prefix, clean] = [part.text('prefix', '##'), part.flag('cleanup', true)];
      return (tokens) =>
        tokens.map((token, index) => {
          const text = index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
          return clean ? cleanUpWordPiece(text) : text;
        });
    }
    case 'BPEDecoder': {
      const suffix = part.text('suffix', '</w>');
      return (tokens) => tokens.map((token, index) => token.replaceAll(suffix, index === tokens.length - 1 ? '' : ' '));
    }
    default:
      throw part.unsupported('decoder');
  }
}

function replaceAll(text: string, matches: Iterable<[number, number]>, content: string): string {
  let [result, last] = ['', 0];
  for (const [from, to] of matches) {
    result += text.slice(last, from) + content;
    last = to;
  }
  return result + text.slice(last);
}

function strip(token: string, content: string, start: number, stop: number): string {
  let [from, to] = [0, token.length];
  for (let count = 0; count < start && token.startsWith(content, from); count++) from += content.length;
  for (let count = 0; count < stop && to > from && token.endsWith(content, to); count++) to -= content.length;
  return token.slice(from, to);
}

/** Runs of `<0xNN>` become the text they encode; where they encode none, one U+FFFD for each byte. */
function byteFallback(tokens: string[]): string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    const text = decodeUtf8(bytes, true);
    if (text !== null) result.push(text);
    else for (let index = 0; index < bytes.length; index++) result.push('\ufffd');
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
    if (byte !== null) bytes.push(Number.parseInt(byte[1]!, 16));
    else {
      flush();
      result.push(token);
    }
  }
  flush();
  return result;
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

function decodeUtf8(bytes: number[]): string;
function decodeUtf8(bytes: number[], fatal: true): string | null;
function decodeUtf8(bytes: number[], fatal = false): string | null {
  if (!fatal) return lenient.decode(Uint8Array.from(bytes));
  try {
    return strict.decode(Uint8Array.from(bytes));
  } catch {
    return null;
  }
}

/** {@link cleanUp}, and one rule more of Rust's WordPiece decoder. */
const cleanUpWordPiece = (text: string): string => cleanUp(text).replaceAll(' do not', " don't");

/**
 * Removes the spaces that splitting put before punctuation and English contractions, in the order of transformers'
 * `clean_up_tokenization`.
 */
export function cleanUp(text: string): string {
  const pairs: [string, string][] = [
    [' .', '.'],
    [' ?', '?'],
    [' !', '!'],
    [' ,', ','],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ];
  return pairs.reduce((current, [from, to]) => current.replaceAll(from, to), text);
}
