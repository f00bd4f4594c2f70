import type { AlignedText } from './aligned-text.js';
import { invalid, type JsonPart } from './json-part.js';
import { escapeLiteral, translateRegularExpression } from './regular-expression.js';

const BEHAVIORS = ['Removed', 'Isolated', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext'] as const;

/** What becomes of a delimiter when a text is split at it. */
export type SplitBehavior = (typeof BEHAVIORS)[number];

/** Finds delimiters: [from, to) in UTF-16 units, in order, without overlap. */
export type Finder = (text: string) => Iterable<[number, number]>;

/** Finds the matches of a global expression, empty ones included except right after another match (Oniguruma). */
export function findExpression(expression: RegExp): Finder {
  return function* (text) {
    let last = -1;
    for (const match of text.matchAll(expression)) {
      const end = match.index + match[0].length;
      // V8 finds empty matches between the halves of a surrogate pair, too.
      if (match[0] === '' && (end === last || isInsidePair(text, end))) continue;
      yield [match.index, end];
      last = end;
    }
  };
}

function isInsidePair(text: string, unit: number): boolean {
  return unit > 0 && text.codePointAt(unit - 1)! > 0xffff;
}

/** The `pattern` field of a part: `{"String": …}` or `{"Regex": …}`. */
export function readPattern(part: JsonPart): Finder {
  const pattern = part.part('pattern');
  if (pattern.has('Regex')) {
    return findExpression(translateRegularExpression(pattern.text('Regex'), `${part.path}.pattern`));
  }
  const literal = pattern.text('String');
  return literal === '' ? () => [] : findExpression(new RegExp(escapeLiteral(literal), 'gu'));
}

export function readBehavior(part: JsonPart, fallback?: SplitBehavior): SplitBehavior {
  const name = part.text('behavior', fallback);
  const found = BEHAVIORS.find((behavior) => behavior.toLowerCase() === name.replaceAll('_', '').toLowerCase());
  if (found === undefined) throw invalid(`${part.path}.behavior`, `is none of ${BEHAVIORS.join(', ')}`);
  return found;
}

/** Splits at the delimiters; with `invert` at what lies between them. Empty pieces are dropped. */
export function splitText(piece: AlignedText, find: Finder, behavior: SplitBehavior, invert = false): AlignedText[] {
  const { text } = piece;
  const spans: { from: number; to: number; delimiter: boolean }[] = [];
  let last = 0;
  for (const [from, to] of find(text)) {
    if (from > last) spans.push({ from: last, to: from, delimiter: invert });
    spans.push({ from, to, delimiter: !invert });
    last = to;
  }
  if (last < text.length) spans.push({ from: last, to: text.length, delimiter: invert });
  return merge(spans, behavior).flatMap(({ from, to }) => (to > from ? [piece.slice(from, to)] : []));
}

function merge(
  spans: { from: number; to: number; delimiter: boolean }[],
  behavior: SplitBehavior,
): { from: number; to: number }[] {
  if (behavior === 'Isolated') return spans;
  if (behavior === 'Removed') return spans.filter(({ delimiter }) => !delimiter);
  const merged: { from: number; to: number }[] = [];
  const backwards = behavior === 'MergedWithNext';
  let previous = false;
  for (const { from, to, delimiter } of backwards ? spans.toReversed() : spans) {
    const joins = behavior === 'Contiguous' ? delimiter === previous : delimiter && !previous;
    const last = merged.at(-1);
    if (!joins || last === undefined) merged.push({ from, to });
    else if (backwards) last.from = from;
    else last.to = to;
    previous = delimiter;
  }
  return backwards ? merged.toReversed() : merged;
}
