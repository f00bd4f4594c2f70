/**
 * GPT-2's alphabet: the printable bytes stand for themselves, the others for U+0100 and up, so that every byte is a
 * visible character.
 */
export const BYTE_CHARACTERS: readonly string[] = buildAlphabet();

const BYTES = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

function buildAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
}

/** The bytes that a token stands for; null when it holds a character outside the alphabet. */
export function bytesOfToken(token: string): number[] | null {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTES.get(character);
    if (byte === undefined) return null;
    bytes.push(byte);
  }
  return bytes;
}
