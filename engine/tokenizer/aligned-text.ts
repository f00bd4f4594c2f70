/** A character of a transformed text and how it relates to its source, see {@link AlignedText.transform}. */
export interface Change {
  character: string;
  /** 0: replaces one source character; −n: replaces one and removes n after it; 1: is inserted. */
  change: number;
}

/**
 * A text that remembers from which characters of the original each of its UTF-16 units came. Offsets are Unicode code
 * points of the original, as in the reference (Rust `tokenizers`, `NormalizedString`). Never changed in place.
 */
export class AlignedText {
  constructor(
    readonly text: string,
    /** For each UTF-16 unit of `text`: the first code point of the original it stands for. */
    private readonly starts: Int32Array,
    /** For each UTF-16 unit of `text`: one past the last code point of the original. */
    private readonly ends: Int32Array,
  ) {}

  static from(original: string): AlignedText {
    const starts = new Int32Array(original.length);
    const ends = new Int32Array(original.length);
    let point = -1;
    for (let unit = 0; unit < original.length; unit++) {
      if (!isTrailing(original, unit)) point++;
      starts[unit] = point;
      ends[unit] = point + 1;
    }
    return new AlignedText(original, starts, ends);
  }

  /** The same part of the original under another text of as many UTF-16 units. */
  withText(text: string): AlignedText {
    return new AlignedText(text, this.starts, this.ends);
  }

  slice(from: number, to: number): AlignedText {
    return new AlignedText(this.text.slice(from, to), this.starts.subarray(from, to), this.ends.subarray(from, to));
  }

  /** Code points [start, end) of the original for the units [from, to) of this text; an empty range maps to itself. */
  original(from: number, to: number): [number, number] {
    if (from >= to) return [from, to];
    return [this.starts[from]!, this.ends[to - 1]!];
  }

  /**
   * The text made of `changes`, aligned as the reference does: a replacing character takes the alignment of the
   * character it replaces, an inserted one that of the source character before the present position.
   */
  transform(changes: readonly Change[]): AlignedText {
    const builder = new AlignmentBuilder(this.starts, this.ends);
    let source = 0;
    for (const { character, change } of changes) {
      if (change > 0) {
        builder.add(character, source - 1);
        continue;
      }
      builder.add(character, source);
      for (let removed = 0; removed <= -change; removed++) source += unitsAt(this.text, source);
    }
    return builder.build();
  }

  /** Keeps the characters for which `keep` holds. */
  filter(keep: (character: string) => boolean): AlignedText {
    const builder = new AlignmentBuilder(this.starts, this.ends);
    let unit = 0;
    for (const character of this.text) {
      if (keep(character)) builder.add(character, unit);
      unit += character.length;
    }
    return builder.text.length === this.text.length ? this : builder.build();
  }

  /** Puts `prefix` in front, aligned with the first character; an empty text stays empty. */
  prepend(prefix: string): AlignedText {
    if (this.text === '') return this;
    const builder = new AlignmentBuilder(this.starts, this.ends);
    builder.add(prefix, 0);
    builder.addRange(this.text, 0, this.text.length);
    return builder.build();
  }

  /** Replaces each match by `content`, which is aligned with the last character that it replaces. */
  replace(matches: Iterable<[number, number]>, content: string): AlignedText {
    const builder = new AlignmentBuilder(this.starts, this.ends);
    let [last, found] = [0, false];
    for (const [from, to] of matches) {
      builder.addRange(this.text, last, from);
      builder.add(content, to - 1);
      [last, found] = [to, true];
    }
    if (!found) return this;
    builder.addRange(this.text, last, this.text.length);
    return builder.build();
  }

  /** Each UTF-8 byte as one character of `alphabet`; all bytes of a character keep that character's alignment. */
  toBytes(alphabet: readonly string[]): AlignedText {
    if (isPlainAscii(this.text)) {
      let text = '';
      for (let unit = 0; unit < this.text.length; unit++) text += alphabet[this.text.charCodeAt(unit)]!;
      return this.withText(text);
    }
    const builder = new AlignmentBuilder(this.starts, this.ends);
    let unit = 0;
    for (const character of this.text) {
      for (const byte of Buffer.from(character, 'utf8')) builder.add(alphabet[byte]!, unit);
      unit += character.length;
    }
    return builder.build();
  }
}

/** Appends characters with the alignment of a unit of the source. */
class AlignmentBuilder {
  text = '';
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  constructor(
    private readonly sourceStarts: Int32Array,
    private readonly sourceEnds: Int32Array,
  ) {}

  /** `unit` −1 (an insertion before everything) is the empty range at the start of the source. */
  add(characters: string, unit: number): void {
    const start = this.sourceStarts[Math.max(0, unit)] ?? 0;
    const end = unit < 0 ? start : (this.sourceEnds[unit] ?? start);
    for (let index = 0; index < characters.length; index++) {
      this.starts.push(start);
      this.ends.push(end);
    }
    this.text += characters;
  }

  addRange(text: string, from: number, to: number): void {
    for (let unit = from; unit < to; unit++) {
      this.starts.push(this.sourceStarts[unit]!);
      this.ends.push(this.sourceEnds[unit]!);
    }
    this.text += text.slice(from, to);
  }

  build(): AlignedText {
    return new AlignedText(this.text, Int32Array.from(this.starts), Int32Array.from(this.ends));
  }
}

const isPlainAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

function isTrailing(text: string, unit: number): boolean {
  if ((text.charCodeAt(unit) & 0xfc00) !== 0xdc00 || unit === 0) return false;
  return (text.charCodeAt(unit - 1) & 0xfc00) === 0xd800;
}

function unitsAt(text: string, unit: number): number {
  return (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
}
