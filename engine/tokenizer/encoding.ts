import { RatchetError } from '../../config/errors.js';

/** What a text became. All lists have one entry a token. */
export interface Encoding {
  ids: number[];
  tokens: string[];
  /** 0 for the first text (and padding), 1 for the second where the tokenizer tells them apart. */
  typeIds: number[];
  /** [start, end) in Unicode code points of the text the token came from; [0, 0] for tokens added around it. */
  offsets: [number, number][];
  /** 1 for tokens that the tokenizer put around the text, and for padding. */
  specialTokensMask: number[];
  /** 1 for tokens, 0 for padding. */
  attentionMask: number[];
  /** Which text a token came from: 0, 1, or null for added ones. */
  sequences: (number | null)[];
}

export interface Truncation {
  maxLength: number;
  /** Side that is cut; default right. */
  direction?: 'left' | 'right';
  /** Which of two texts is cut; default the longer one. */
  strategy?: 'longest-first' | 'only-first' | 'only-second';
}

export interface Padding {
  /** Length to fill up to. */
  length: number;
  id: number;
  token?: string;
  typeId?: number;
  direction?: 'left' | 'right';
}

export const emptyEncoding = (): Encoding => ({
  ids: [],
  tokens: [],
  typeIds: [],
  offsets: [],
  specialTokensMask: [],
  attentionMask: [],
  sequences: [],
});

/** Tokens [from, to). */
export function sliceEncoding(encoding: Encoding, from: number, to: number): Encoding {
  return mapLists(encoding, (list) => list.slice(from, to));
}

/** All tokens one after the other. */
export function joinEncodings(encodings: readonly Encoding[]): Encoding {
  if (encodings.length === 1) return encodings[0]!;
  return {
    ids: encodings.flatMap(({ ids }) => ids),
    tokens: encodings.flatMap(({ tokens }) => tokens),
    typeIds: encodings.flatMap(({ typeIds }) => typeIds),
    offsets: encodings.flatMap(({ offsets }) => offsets),
    specialTokensMask: encodings.flatMap(({ specialTokensMask }) => specialTokensMask),
    attentionMask: encodings.flatMap(({ attentionMask }) => attentionMask),
    sequences: encodings.flatMap(({ sequences }) => sequences),
  };
}

function mapLists(encoding: Encoding, map: <T>(list: T[]) => T[]): Encoding {
  return {
    ids: map(encoding.ids),
    tokens: map(encoding.tokens),
    typeIds: map(encoding.typeIds),
    offsets: map(encoding.offsets),
    specialTokensMask: map(encoding.specialTokensMask),
    attentionMask: map(encoding.attentionMask),
    sequences: map(encoding.sequences),
  };
}

/**
 * Cuts one or two encodings so that together, with `added` tokens to come, they have at most `maxLength` tokens. When
 * there is room for added tokens only, nothing of any text stays.
 *
 * @throws RatchetError `E_USAGE` when the one text that may be cut is too short for that
 */
export function truncate(encodings: readonly Encoding[], truncation: Truncation, added: number): Encoding[] {
  const { maxLength, direction = 'right', strategy = 'longest-first' } = truncation;
  const room = Math.max(0, maxLength - added);
  const lengths = encodings.map(({ ids }) => ids.length);
  const kept = keptLengths(lengths, room, strategy);
  return encodings.map((encoding, index) => {
    const [length, keep] = [lengths[index]!, Math.min(lengths[index]!, kept[index]!)];
    return direction === 'right' ? sliceEncoding(encoding, 0, keep) : sliceEncoding(encoding, length - keep, length);
  });
}

function keptLengths(lengths: readonly number[], room: number, strategy: Truncation['strategy']): number[] {
  const excess = lengths.reduce((sum, length) => sum + length, 0) - room;
  if (room === 0) return lengths.map(() => 0);
  if (excess <= 0) return [...lengths];
  if (strategy !== 'longest-first' || lengths.length === 1) {
    const cut = strategy === 'only-second' ? 1 : 0;
    const length = lengths[cut] ?? 0;
    if (length <= excess) {
      throw new RatchetError('E_USAGE', `text ${cut + 1} has ${length} tokens, so ${excess} cannot be cut from it.`, {
        hint: 'Raise the maximal length or cut the longer text first.',
      });
    }
    return lengths.map((own, index) => (index === cut ? own - excess : own));
  }
  // The shorter text stays whole where it leaves the longer one at least its own length; else both get half.
  const shorter = Math.min(...lengths);
  const half = Math.floor(room / 2);
  const small = 2 * shorter <= room ? shorter : half;
  return lengths[0]! > lengths[1]! ? [room - small, small] : [small, room - small];
}

/** Fills an encoding up to `length`; a longer one stays as it is. */
export function pad(encoding: Encoding, { length, id, token = '[PAD]', typeId = 0, direction }: Padding): Encoding {
  const missing = length - encoding.ids.length;
  if (missing <= 0) return encoding;
  const fill = <T>(value: T): T[] => Array.from({ length: missing }, () => value);
  const filler: Encoding = {
    ids: fill(id),
    tokens: fill(token),
    typeIds: fill(typeId),
    offsets: Array.from({ length: missing }, () => [0, 0]),
    specialTokensMask: fill(1),
    attentionMask: fill(0),
    sequences: fill(null),
  };
  return joinEncodings(direction === 'left' ? [filler, encoding] : [encoding, filler]);
}

/** The same offsets in UTF-16 units, as JavaScript strings count. `text` is the one the offsets are of. */
export function toUtf16Offsets(text: string, offsets: readonly [number, number][]): [number, number][] {
  const units = [0];
  for (const character of text) units.push(units.at(-1)! + character.length);
  return offsets.map(([start, end]) => [units[start]!, units[end]!]);
}
