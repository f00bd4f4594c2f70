import type { AlignedText, Change } from './aligned-text.js';
import { invalid, type JsonPart } from './json-part.js';

/**
 * SentencePiece's compiled character map: a length, a double-array trie of UTF-8 keys (Darts) and a pool of
 * replacements, each ended by a zero byte. Graphemes of less than 6 bytes are looked up whole, all others character by
 * character, as the reference (`spm_precompiled`) does.
 */
export function readPrecompiled(part: JsonPart): (text: AlignedText) => AlignedText {
  const map = Buffer.from(part.text('precompiled_charsmap'), 'base64');
  const size = map.length >= 4 ? map.readUInt32LE(0) : 0;
  if (size % 4 !== 0 || 4 + size > map.length) throw invalid(`${part.path}.precompiled_charsmap`, 'is damaged');
  const trie = new Uint32Array(size / 4);
  for (let unit = 0; unit < trie.length; unit++) trie[unit] = map.readUInt32LE(4 + 4 * unit);
  const pool = map.subarray(4 + size);
  const replacement = (key: string): string | null => {
    const found = firstPrefix(trie, Buffer.from(key, 'utf8'));
    if (found === null) return null;
    const end = pool.indexOf(0, found);
    return pool.toString('utf8', found, end < 0 ? pool.length : end);
  };
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
  return (text) => {
    const changes: Change[] = [];
    let changed = false;
    const put = (source: string, target: string): void => {
      changed = true;
      const [removed, added] = [[...source].length, [...target]];
      const start = changes.length;
      added.forEach((character, index) => changes.push({ character, change: index < removed ? 0 : 1 }));
      if (added.length >= removed) return;
      if (changes.length > start) changes[changes.length - 1]!.change -= removed - added.length;
      else if (changes.length > 0) changes[changes.length - 1]!.change -= removed;
    };
    for (const { segment } of graphemes.segment(text.text)) {
      const whole = Buffer.byteLength(segment) < 6 ? replacement(segment) : null;
      if (whole !== null) put(segment, whole);
      else {
        for (const character of segment) {
          const single = replacement(character);
          if (single !== null) put(character, single);
          else changes.push({ character, change: 0 });
        }
      }
    }
    return changed ? text.transform(changes) : text;
  };
}

/** Value of the shortest key that is a prefix of `key`; null when there is none. Unit layout: Darts-clone. */
function firstPrefix(trie: Uint32Array, key: Uint8Array): number | null {
  const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
  let position = 0;
  let unit = trie[0] ?? 0;
  position ^= offset(unit);
  for (const byte of key) {
    if (byte === 0) return null;
    position ^= byte;
    unit = trie[position] ?? 0;
    if ((unit & 0x800000ff) >>> 0 !== byte) return null;
    position ^= offset(unit);
    if (((unit >>> 8) & 1) === 1) return (trie[position] ?? 0) & 0x7fffffff;
  }
  return null;
}
