import type { Change } from './aligned-text.js';
import { UNKNOWN_TO_NORMALIZATION } from './older-unicode.js';

export type NormalizationForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/**
 * The normalised characters with their relation to the source (see {@link Change}), as the reference's aligned
 * normalisation gives them: of a decomposition the first character replaces, the others are inserted; a composition
 * adds up the changes of its parts and removes one less than their number. Characters newer than the reference's tables
 * stay as they are, and nothing moves across or joins with them.
 */
export function normalizeWithChanges(text: string, form: NormalizationForm): Change[] {
  const parts: Change[][] = [];
  let last = 0;
  for (const match of text.matchAll(UNKNOWN_TO_NORMALIZATION)) {
    parts.push(
      normalizeKnown(text.slice(last, match.index), form),
      Array.from(match[0], (character) => ({ character, change: 0 })),
    );
    last = match.index + match[0].length;
  }
  return parts.length === 0 ? normalizeKnown(text, form) : [...parts, normalizeKnown(text.slice(last), form)].flat();
}

function normalizeKnown(text: string, form: NormalizationForm): Change[] {
  const compatible = form === 'NFKC' || form === 'NFKD';
  const decomposed = decompose(text, compatible ? 'NFKD' : 'NFD');
  return form === 'NFC' || form === 'NFKC' ? compose(decomposed, form) : decomposed;
}

/**
 * Decomposes each character alone, then brings the marks into canonical order. The order comes from the platform's own
 * normalisation of the whole: equal characters never pass each other, so the n-th in one is the n-th in the other.
 */
function decompose(text: string, form: 'NFD' | 'NFKD'): Change[] {
  const parts: Change[] = [];
  for (const source of text) {
    let change = 0;
    for (const character of source.normalize(form)) {
      parts.push({ character, change });
      change = 1;
    }
  }
  const ordered = parts
    .map(({ character }) => character)
    .join('')
    .normalize(form);
  const waiting = new Map<string, Change[]>();
  let next = 0;
  const result: Change[] = [];
  for (const character of ordered) {
    const queued = waiting.get(character);
    if (queued !== undefined && queued.length > 0) {
      result.push(queued.shift()!);
      continue;
    }
    while (parts[next]!.character !== character) {
      const skipped = parts[next++]!;
      const queue = waiting.get(skipped.character);
      if (queue === undefined) waiting.set(skipped.character, [skipped]);
      else queue.push(skipped);
    }
    result.push(parts[next++]!);
  }
  return result;
}

/** Puts the parts together as the platform's composition of the whole does: the earliest parts that fit are taken. */
function compose(parts: readonly Change[], form: 'NFC' | 'NFKC'): Change[] {
  const composed = parts
    .map(({ character }) => character)
    .join('')
    .normalize(form);
  const used = new Uint8Array(parts.length);
  const result: Change[] = [];
  let first = 0;
  for (const character of composed) {
    let [change, count, position] = [0, 0, first];
    for (const part of character.normalize('NFD')) {
      while (used[position] === 1 || parts[position]!.character !== part) position++;
      used[position] = 1;
      change += parts[position]!.change;
      count++;
    }
    while (used[first] === 1) first++;
    result.push({ character, change: change - (count - 1) });
  }
  return result;
}
