/** One token of a word: [start, end) in UTF-16 units of the word. */
export interface ModelToken {
  id: number;
  text: string;
  start: number;
  end: number;
}

/** Turns a word into tokens. */
export interface TokenModel {
  tokenize(word: string): ModelToken[];
  readonly vocabulary: ReadonlyMap<string, number>;
}

/** The byte tokens `<0x00>` … `<0xFF>` of a text; null when the vocabulary lacks one of them. */
export function byteTokens(
  text: string,
  vocabulary: ReadonlyMap<string, number>,
): { id: number; text: string }[] | null {
  const tokens: { id: number; text: string }[] = [];
  for (const byte of Buffer.from(text, 'utf8')) {
    const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    const id = vocabulary.get(name);
    if (id === undefined) return null;
    tokens.push({ id, text: name });
  }
  return tokens;
}
